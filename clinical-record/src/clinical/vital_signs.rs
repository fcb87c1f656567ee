//! Vital signs as data: LOINC codes, UCUM units, and which values are possible and which are usual.
//!
//! Ranges cover every age from the newborn on. What is not possible in a living person is refused as a slip of the pen;
//! what is possible but unusual is only pointed out.

/// One vital sign.
#[derive(Debug)]
pub struct VitalSign {
    /// LOINC code.
    pub loinc: &'static str,
    /// LOINC's name.
    pub name: &'static str,
    /// The first unit is the one of the ranges.
    pub units: &'static [VitalUnit],
    /// Lowest and highest value possible in a living person.
    pub possible: (f64, f64),
    /// Outside of these a second look is asked for.
    pub usual: (f64, f64),
}

/// A unit a vital sign may be entered in: `value * factor + offset` is the value in the first unit.
#[derive(Debug)]
pub struct VitalUnit {
    /// UCUM code.
    pub ucum: &'static str,
    /// What people write.
    pub written: &'static str,
    /// See above.
    pub factor: f64,
    /// See above.
    pub offset: f64,
}

const fn unit(ucum: &'static str, written: &'static str) -> VitalUnit {
    VitalUnit { ucum, written, factor: 1.0, offset: 0.0 }
}

const fn scaled(ucum: &'static str, written: &'static str, factor: f64, offset: f64) -> VitalUnit {
    VitalUnit { ucum, written, factor, offset }
}

const PRESSURE: &[VitalUnit] = &[unit("mm[Hg]", "mmHg"), scaled("kPa", "kPa", 7.500_617, 0.0)];
const LENGTH: &[VitalUnit] = &[unit("cm", "cm"), scaled("m", "m", 100.0, 0.0), scaled("[in_i]", "in", 2.54, 0.0)];

/// LOINC code of the blood pressure panel, whose components are systolic and diastolic.
pub(super) const BLOOD_PRESSURE: (&str, &str) = ("85354-9", "Blood pressure panel with all children optional");
pub(super) const SYSTOLIC: &str = "8480-6";
pub(super) const DIASTOLIC: &str = "8462-4";

/// The vital signs that can be entered.
#[rustfmt::skip]
pub const VITAL_SIGNS: &[VitalSign] = &[
    VitalSign { loinc: "8867-4", name: "Heart rate", units: &[unit("/min", "/min")], possible: (10.0, 350.0), usual: (45.0, 180.0) },
    VitalSign { loinc: "9279-1", name: "Respiratory rate", units: &[unit("/min", "/min")], possible: (1.0, 120.0), usual: (8.0, 60.0) },
    VitalSign { loinc: "8310-5", name: "Body temperature", units: &[unit("Cel", "°C"), scaled("[degF]", "°F", 5.0 / 9.0, -160.0 / 9.0)], possible: (13.0, 47.0), usual: (35.0, 40.0) },
    VitalSign { loinc: SYSTOLIC, name: "Systolic blood pressure", units: PRESSURE, possible: (20.0, 370.0), usual: (60.0, 200.0) },
    VitalSign { loinc: DIASTOLIC, name: "Diastolic blood pressure", units: PRESSURE, possible: (5.0, 260.0), usual: (30.0, 120.0) },
    VitalSign { loinc: "59408-5", name: "Oxygen saturation in Arterial blood by Pulse oximetry", units: &[unit("%", "%")], possible: (20.0, 100.0), usual: (90.0, 100.0) },
    VitalSign { loinc: "29463-7", name: "Body weight", units: &[unit("kg", "kg"), scaled("g", "g", 0.001, 0.0), scaled("[lb_av]", "lb", 0.453_592_37, 0.0)], possible: (0.2, 650.0), usual: (2.0, 200.0) },
    VitalSign { loinc: "8302-2", name: "Body height", units: LENGTH, possible: (20.0, 280.0), usual: (40.0, 210.0) },
    VitalSign { loinc: "9843-4", name: "Head Occipital-frontal circumference", units: LENGTH, possible: (15.0, 80.0), usual: (28.0, 62.0) },
    VitalSign { loinc: "39156-5", name: "Body mass index (BMI) [Ratio]", units: &[unit("kg/m2", "kg/m²")], possible: (5.0, 200.0), usual: (12.0, 50.0) },
    VitalSign { loinc: "56072-2", name: "Circumference Mid upper arm - left", units: &[unit("cm", "cm"), scaled("mm", "mm", 0.1, 0.0)], possible: (4.0, 90.0), usual: (11.5, 50.0) },
    VitalSign { loinc: "72514-3", name: "Pain severity - 0-10 verbal numeric rating [Score] - Reported", units: &[unit("{score}", "of 10")], possible: (0.0, 10.0), usual: (0.0, 7.0) },
    VitalSign { loinc: "2339-0", name: "Glucose [Mass/volume] in Blood", units: &[unit("mg/dL", "mg/dL"), scaled("mmol/L", "mmol/L", 18.015_6, 0.0)], possible: (5.0, 2000.0), usual: (60.0, 300.0) },
];
