//! The summary as a PDF: A4, the fonts every reader has, so nothing is embedded.
//!
//! Those fonts have Western European letters only. What they lack is written in Latin letters, and the page says so; the HTML
//! page has every script.

use clinical_record::ips::SummaryPage;
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use sync_protocol::UnixMillis;

use super::qr;
use crate::{ChartRef, Device, DeviceError};

/// In points, as all lengths here.
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 45.0;
const CODE_SIDE: f32 = 90.0;
/// Where the columns begin, and where the last one ends.
const COLUMNS: [f32; 5] = [MARGIN, 245.0, 415.0, 480.0, WIDTH - MARGIN];
const PLAIN: Name<'static> = Name(b"F1");
const BOLD: Name<'static> = Name(b"F2");
const TRANSLITERATED: &str = "Letters that this print-out has no font for are written in Latin ones.";

impl Device {
    /// A summary of a person to print, as a PDF. Recorded as `print`.
    ///
    /// # Errors
    /// As [`Device::export_summary`].
    pub fn print_pdf(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<Vec<u8>, DeviceError> {
        let page = self.page_to_print(chart, now)?;
        let squares = qr::squares(&chart.code())?;
        let mut sheets = Sheets::new();
        sheets.code(&squares);
        sheets.summary(&page);
        Ok(sheets.finish())
    }
}

/// Pages that are being filled from the top.
struct Sheets {
    done: Vec<Content>,
    current: Content,
    /// Baseline of the next line.
    y: f32,
    transliterated: bool,
}

impl Sheets {
    fn new() -> Self {
        Self { done: Vec::new(), current: Content::new(), y: HEIGHT - MARGIN - 12.0, transliterated: false }
    }

    fn summary(&mut self, page: &SummaryPage) {
        self.line(BOLD, 15.0, &page.name);
        for line in &page.lines {
            self.line(PLAIN, 10.0, line);
        }
        self.y = self.y.min(HEIGHT - MARGIN - CODE_SIDE - 10.0);
        for section in &page.sections {
            self.room(50.0);
            self.y -= 8.0;
            self.line(BOLD, 11.0, &section.title);
            if section.rows.is_empty() {
                self.line(PLAIN, 9.0, "No information available");
            }
            for row in &section.rows {
                self.row(row);
            }
        }
        self.y -= 10.0;
        self.line(PLAIN, 8.0, &page.footer);
        if self.transliterated {
            self.line(PLAIN, 8.0, TRANSLITERATED);
        }
    }

    /// Draws the code at the top right.
    fn code(&mut self, squares: &[Vec<bool>]) {
        let side = CODE_SIDE / (squares.len() + 2 * qr::QUIET) as f32;
        let (left, top) = (WIDTH - MARGIN - CODE_SIDE, HEIGHT - MARGIN);
        for (y, row) in squares.iter().enumerate() {
            for (x, _) in row.iter().enumerate().filter(|(_, dark)| **dark) {
                let (x, y) = ((x + qr::QUIET) as f32, (y + qr::QUIET + 1) as f32);
                self.current.rect(left + x * side, top - y * side, side, side);
            }
        }
        self.current.fill_nonzero();
    }

    /// A line from the left margin, broken where it is too long.
    fn line(&mut self, font: Name<'_>, size: f32, text: &str) {
        // Beside the code, and below it alike: one width is enough for what stands outside of tables.
        for part in wrapped(text, size, WIDTH - 2.0 * MARGIN - CODE_SIDE) {
            self.room(size * 1.4);
            self.put(font, size, MARGIN, &part);
            self.y -= size * 1.4;
        }
    }

    fn row(&mut self, cells: &[String; 4]) {
        const SIZE: f32 = 9.0;
        let cells: Vec<Vec<String>> = cells
            .iter()
            .zip(COLUMNS.windows(2))
            .map(|(cell, column)| wrapped(cell, SIZE, column[1] - column[0] - 6.0))
            .collect();
        let lines = cells.iter().map(Vec::len).max().unwrap_or(0);
        for at in 0..lines {
            self.room(SIZE * 1.3);
            for (cell, left) in cells.iter().zip(COLUMNS) {
                if let Some(part) = cell.get(at) {
                    self.put(PLAIN, SIZE, left, part);
                }
            }
            self.y -= SIZE * 1.3;
        }
        self.y -= 2.0;
    }

    fn put(&mut self, font: Name<'_>, size: f32, x: f32, text: &str) {
        let (bytes, other) = in_winansi(text);
        self.transliterated |= other;
        self.current.begin_text().set_font(font, size).next_line(x, self.y).show(Str(&bytes)).end_text();
    }

    /// Begins another page where less than `height` is left.
    fn room(&mut self, height: f32) {
        if self.y - height < MARGIN {
            self.done.push(std::mem::replace(&mut self.current, Content::new()));
            self.y = HEIGHT - MARGIN - 12.0;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.done.push(self.current);
        let (catalog, tree, plain, bold, info) = (Ref::new(1), Ref::new(2), Ref::new(3), Ref::new(4), Ref::new(5));
        let count = i32::try_from(self.done.len()).unwrap_or(i32::MAX);
        let page = |at: i32| (Ref::new(10 + 2 * at), Ref::new(11 + 2 * at));
        let mut pdf = Pdf::new();
        pdf.catalog(catalog).pages(tree).lang(TextStr("en"));
        // No name in what a file manager shows.
        pdf.document_info(info).title(TextStr("Patient summary"));
        pdf.pages(tree).kids((0..count).map(|at| page(at).0)).count(count);
        for (at, content) in (0..count).zip(self.done) {
            let (id, content_id) = page(at);
            let mut sheet = pdf.page(id);
            sheet.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).parent(tree).contents(content_id);
            sheet.resources().fonts().pair(PLAIN, plain).pair(BOLD, bold);
            sheet.finish();
            pdf.stream(content_id, &content.finish());
        }
        for (id, name) in [(plain, "Helvetica"), (bold, "Helvetica-Bold")] {
            pdf.type1_font(id).base_font(Name(name.as_bytes())).encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        pdf.finish()
    }
}

/// Text in lines that fit. Letters are counted as wide as most are not, so that none is cut off.
fn wrapped(text: &str, size: f32, width: f32) -> Vec<String> {
    let fits = ((width / (size * 0.56)) as usize).max(4);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let mut rest: Vec<char> = word.chars().collect();
        while !rest.is_empty() {
            let part: String = rest.drain(..rest.len().min(fits)).collect();
            match lines.last_mut() {
                Some(line) if line.chars().count() + 1 + part.chars().count() <= fits => {
                    line.push(' ');
                    line.push_str(&part);
                }
                _ => lines.push(part),
            }
        }
    }
    lines
}

/// The text as the fonts' encoding has it, and whether anything was written in other letters.
fn in_winansi(text: &str) -> (Vec<u8>, bool) {
    let (mut bytes, mut other) = (Vec::with_capacity(text.len()), false);
    for c in text.chars() {
        match c {
            ' '..='~' | '\u{a0}'..='\u{ff}' => bytes.push(u8::try_from(u32::from(c)).unwrap_or(b'?')),
            '–' | '—' => bytes.push(0x96),
            '‘' | '’' => bytes.push(0x92),
            '“' | '”' => bytes.push(0x94),
            '…' => bytes.push(0x85),
            '€' => bytes.push(0x80),
            c if c.is_control() => {}
            c => {
                other = true;
                bytes.extend(deunicode::deunicode_char(c).unwrap_or("?").bytes());
            }
        }
    }
    (bytes, other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_broken_and_nothing_of_it_is_lost() {
        let text = format!("one two {} three", "x".repeat(200));
        let lines = wrapped(&text, 9.0, 100.0);
        assert!(lines.iter().all(|line| line.chars().count() <= 19), "{lines:?}");
        let kept: String = lines.concat().split_whitespace().collect();
        assert_eq!(kept, text.split_whitespace().collect::<String>());
    }

    #[test]
    fn letters_that_the_fonts_lack_are_written_in_latin_ones() {
        assert_eq!(in_winansi("Muñoz – 37 °C"), (b"Mu\xf1oz \x96 37 \xb0C".to_vec(), false));
        let (bytes, other) = in_winansi("Олена");
        assert!(other && bytes == b"Olena");
    }
}
