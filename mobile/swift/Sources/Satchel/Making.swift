extension Concept {
    /// A concept in words only.
    public static func words(_ text: String) -> Concept {
        Concept(text: text)
    }

    /// A concept of one code, with its name as its words.
    public static func coded(_ system: String, _ code: String, _ display: String) -> Concept {
        Concept(codes: [Code(system: system, code: code, display: display)], text: display)
    }
}

extension ChartRef {
    /// Outside any visit.
    public var now: Occasion {
        Occasion(chart: self)
    }
}
