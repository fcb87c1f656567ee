//! A QR code as rows of dark and light squares.

use qrcode::{Color, EcLevel, QrCode};

use crate::DeviceError;

/// Light squares around a code, as scanners want them.
pub(super) const QUIET: usize = 4;

/// A square code; true is dark. At least a fifth of it may be stained.
pub(super) fn squares(text: &str) -> Result<Vec<Vec<bool>>, DeviceError> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M);
    let code = code.map_err(|_| DeviceError::Invalid("too long for a QR code"))?;
    let colors = code.to_colors();
    Ok(colors.chunks(code.width()).map(|row| row.iter().map(|color| *color == Color::Dark).collect()).collect())
}

/// The code as an SVG picture.
pub(super) fn svg(text: &str) -> Result<String, DeviceError> {
    let squares = squares(text)?;
    let side = squares.len() + 2 * QUIET;
    let mut path = String::new();
    for (y, row) in squares.iter().enumerate() {
        for (x, _) in row.iter().enumerate().filter(|(_, dark)| **dark) {
            path.push_str(&format!("M{} {}h1v1h-1z", x + QUIET, y + QUIET));
        }
    }
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" width=\"130\" height=\"130\" \
         shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path d=\"{path}\"/></svg>"
    ))
}
