//! Request targets, RFC 9112 section 3.2.

use crate::response::Refusal;

/// The path of a target in origin or absolute form, still encoded; `None` for any other form and
/// for what no URI may hold.
pub(crate) fn path(target: &str) -> Option<&str> {
    let origin = if target.starts_with('/') { target } else { after_authority(target)? };
    let path = origin.split('?').next()?;
    let allowed =
        |byte: u8| matches!(byte, b'!'..=b'~') && !matches!(byte, b'#' | b'"' | b'<' | b'>');
    target.bytes().all(allowed).then_some(if path.is_empty() { "/" } else { path })
}

/// What follows the authority of an absolute `http` target.
fn after_authority(target: &str) -> Option<&str> {
    const SCHEME: &str = "http://";
    let (scheme, rest) = target.split_at_checked(SCHEME.len())?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    // No index, see `service_core::json`.
    if scheme.eq_ignore_ascii_case(SCHEME) && end > 0 { rest.get(end..) } else { None }
}

/// Decodes a path into `buffer`.
///
/// An encoded slash is no separator and control characters are in no name: such a path is not
/// found, whatever the resources are called.
pub(crate) fn decode<'a>(path: &str, buffer: &'a mut [u8]) -> Result<&'a [u8], Refusal> {
    let digit = |byte: Option<u8>| {
        byte.and_then(|byte| char::from(byte).to_digit(16)).ok_or(Refusal::BadRequest)
    };
    let mut bytes = path.bytes();
    let mut length = 0;
    let mut nameable = true;
    while let Some(mut byte) = bytes.next() {
        if byte == b'%' {
            byte = (digit(bytes.next())? << 4 | digit(bytes.next())?) as u8;
            nameable &= byte != b'/' && !byte.is_ascii_control();
        }
        *buffer.get_mut(length).ok_or(Refusal::TargetTooLong)? = byte;
        length += 1;
    }
    if nameable { Ok(&buffer[..length]) } else { Err(Refusal::NotFound) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_and_absolute_forms_have_a_path() {
        let table = [
            ("/", Some("/")),
            ("/a/b?c=/d", Some("/a/b")),
            ("//a", Some("//a")),
            ("http://www.poc.example", Some("/")),
            ("HTTP://www.poc.example/a?b", Some("/a")),
            ("http://www.poc.example?b", Some("/")),
            ("http:///a", None),
            ("https://www.poc.example/", None),
            ("www.poc.example:80", None),
            ("*", None),
            ("", None),
            ("a/b", None),
            ("/a#b", None),
            ("/é", None),
            ("/a\"b", None),
        ];
        for (target, expected) in table {
            assert_eq!(path(target), expected, "{target}");
        }
    }

    #[test]
    fn decoding_is_exact() {
        let table: [(&str, Result<&[u8], Refusal>); 12] = [
            ("/plain", Ok(b"/plain")),
            ("/%61%7e", Ok(b"/a~")),
            ("/S%C3%BCd", Ok("/Süd".as_bytes())),
            ("/a%2Fb", Err(Refusal::NotFound)),
            ("/a%00", Err(Refusal::NotFound)),
            ("/a%0d%0a", Err(Refusal::NotFound)),
            ("/%25%32%66", Ok(b"/%2f")),
            ("/%", Err(Refusal::BadRequest)),
            ("/%4", Err(Refusal::BadRequest)),
            ("/%4g", Err(Refusal::BadRequest)),
            ("/%+4", Err(Refusal::BadRequest)),
            ("/%ff", Ok(b"/\xff")),
        ];
        for (path, expected) in table {
            assert_eq!(decode(path, &mut [0; 32]), expected, "{path}");
        }
        assert_eq!(decode("/%61%61", &mut [0; 2]), Err(Refusal::TargetTooLong));
    }
}
