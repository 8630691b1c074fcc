//! Takes the two files of Swagger UI that `/docs` serves out of the archive of the crate that carries them.
//!
//! They stand in the archive deflated, which between another head and tail is gzip: nothing is unpacked or packed
//! again, and the binary holds half a megabyte instead of two.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script by the environment where to write"
)]

use std::error::Error;
use std::path::PathBuf;

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED as ARCHIVE;

/// What is served.
const FILES: [&str; 2] = ["swagger-ui.css", "swagger-ui-bundle.js"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    for file in FILES {
        let entry = Entry::find(ARCHIVE, &format!("/dist/{file}"))
            .ok_or_else(|| format!("the archive of Swagger UI has no plain deflated {file}"))?;
        std::fs::write(out.join(format!("{file}.gz")), entry.gzip())?;
    }
    Ok(())
}

/// A deflated file of an archive.
struct Entry<'a> {
    deflated: &'a [u8],
    crc: u32,
    length: u32,
}

impl<'a> Entry<'a> {
    /// The entry whose name ends so, from the archive's directory.
    fn find(archive: &'a [u8], name_end: &str) -> Option<Self> {
        let end = archive
            .windows(4)
            .rposition(|bytes| bytes == b"PK\x05\x06")?;
        let count = u16_at(archive, end + 10)?;
        let mut at = usize::try_from(u32_at(archive, end + 16)?).ok()?;
        for _ in 0..count {
            let length = |place: usize| u16_at(archive, at + place).map(usize::from);
            let (name_length, extra, comment) = (length(28)?, length(30)?, length(32)?);
            let name = archive.get(at + 46..at + 46 + name_length)?;
            if name.ends_with(name_end.as_bytes()) {
                return Self::at(archive, at);
            }
            at += 46 + name_length + extra + comment;
        }
        None
    }

    /// The entry of which this is the line in the directory.
    fn at(archive: &'a [u8], line: usize) -> Option<Self> {
        const DEFLATED: u16 = 8;
        if u16_at(archive, line + 10)? != DEFLATED {
            return None;
        }
        let size = usize::try_from(u32_at(archive, line + 20)?).ok()?;
        let local = usize::try_from(u32_at(archive, line + 42)?).ok()?;
        let name = usize::from(u16_at(archive, local + 26)?);
        let extra = usize::from(u16_at(archive, local + 28)?);
        let start = local + 30 + name + extra;
        Some(Self {
            deflated: archive.get(start..start + size)?,
            crc: u32_at(archive, line + 16)?,
            length: u32_at(archive, line + 24)?,
        })
    }

    /// The file as gzip (RFC 1952).
    fn gzip(&self) -> Vec<u8> {
        let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        out.extend_from_slice(self.deflated);
        out.extend_from_slice(&self.crc.to_le_bytes());
        out.extend_from_slice(&self.length.to_le_bytes());
        out
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let found = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_le_bytes(found))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let found = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(found))
}
