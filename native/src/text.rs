//! Bytes as text, whatever they are, and any value as text.

use rquickjs::qjs;
use std::slice;

/// UTF-8 bytes to be seen as a string: every byte that is not part of a character becomes U+FFFD, as in Go.
pub struct Text<T>(pub T);

impl<T: AsRef<[u8]>> Text<T> {
    pub fn to_valid(&self) -> std::borrow::Cow<'_, str> {
        let bytes = self.0.as_ref();
        if let Ok(text) = str::from_utf8(bytes) {
            return text.into();
        }
        let mut text = String::with_capacity(bytes.len() + 8);
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
        }
        text.into()
    }
}

/// Two lower-case digits for each byte, with `separator` between them.
pub fn hex(bytes: &[u8], separator: &[u8]) -> Vec<u8> {
    let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
    let mut text = Vec::with_capacity(bytes.len() * (2 + separator.len()));
    for (index, byte) in bytes.iter().enumerate() {
        text.extend_from_slice(if index > 0 { separator } else { b"" });
        text.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    text
}

/// Text of any value, as String() gives it; it may run script. None where that throws.
///
/// # Safety
/// `value` belongs to the engine of `context`.
pub unsafe fn describe(context: *mut qjs::JSContext, value: qjs::JSValue) -> Option<String> {
    let mut length = 0;
    // SAFETY: the text is copied before it is given back.
    unsafe {
        let text = qjs::JS_ToCStringLen(context, &raw mut length, value);
        if text.is_null() {
            qjs::JS_FreeValue(context, qjs::JS_GetException(context));
            return None;
        }
        let copy = Text(slice::from_raw_parts(text.cast::<u8>(), length)).to_valid().into_owned();
        qjs::JS_FreeCString(context, text);
        Some(copy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_has_two_digits_for_each_byte() {
        assert_eq!(hex(&[0, 0x0a, 0x9f, 0xff], b""), b"000a9fff");
        assert_eq!(hex(&[0, 0x0a, 0x9f], b":"), b"00:0a:9f");
        assert_eq!(hex(&[], b":"), b"");
    }

    #[test]
    fn every_stray_byte_becomes_one_replacement_character() {
        // What Go's encoding/json makes of the same bytes.
        let cases: [(&[u8], &str); 5] = [
            (b"plain", "plain"),
            ("z\u{fc}rich".as_bytes(), "z\u{fc}rich"),
            (b"a\xffb", "a\u{fffd}b"),
            (b"\xe2\x82A", "\u{fffd}\u{fffd}A"),
            (b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}"),
        ];
        for (bytes, text) in cases {
            assert_eq!(Text(bytes).to_valid(), text);
        }
    }
}
