//! QR codes as an element of a page.

use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write;

/// Modules that must stay white around the code (ISO/IEC 18004 §6.3.8).
const QUIET: usize = 4;

/// An SVG element that shows `text`: dark on white in any colour scheme, or no camera would read it.
pub(in crate::oauth) fn svg(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let side = width + 2 * QUIET;
    let mut path = String::new();
    for (at, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            write!(
                path,
                "M{} {}h1v1h-1z",
                at % width + QUIET,
                at / width + QUIET
            )
            .ok()?;
        }
    }
    Some(format!(
        "<svg class=\"qr\" viewBox=\"0 0 {side} {side}\" role=\"img\" aria-label=\"QR code\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" stroke=\"none\" d=\"M0 0h{side}v{side}H0z\"/><path fill=\"#000\" stroke=\"none\" d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_drawn_with_its_quiet_zone() {
        let svg = svg("otpauth://totp/Acme:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        // Every QR code begins with a finder pattern, whose first row is seven dark modules and a white one.
        for dark in 4..11 {
            assert!(svg.contains(&format!("M{dark} 4h1v1h-1z")), "{dark}");
        }
        assert!(!svg.contains("M11 4h1"));
        assert!(!svg.contains("M3 "), "the quiet zone is white");
        assert!(!svg.contains("style"));
        // Other pictures of the pages are drawn in lines, which would make the modules run into one another.
        assert_eq!(svg.matches("stroke=\"none\"").count(), 2);
    }

    #[test]
    fn what_is_too_long_for_a_code_has_none() {
        assert!(svg(&"x".repeat(10_000)).is_none());
    }
}
