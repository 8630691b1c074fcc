//! Whether the log ends in the middle of a commit, which SQLite cuts off without a word.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read as _};
use std::path::Path;

use super::super::error::StoreError;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The running checksum of a log ("WAL File Format", "Checksum Algorithm").
#[derive(Clone, Copy)]
struct Checksum {
    big_endian: bool,
    sums: (u32, u32),
}

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            let (first, second) = pair.split_at(4);
            let (a, b) = (self.word(first), self.word(second));
            self.sums.0 = self.sums.0.wrapping_add(a).wrapping_add(self.sums.1);
            self.sums.1 = self.sums.1.wrapping_add(b).wrapping_add(self.sums.0);
        }
    }

    fn word(&self, bytes: &[u8]) -> u32 {
        if self.big_endian {
            big_endian(bytes, 0)
        } else {
            big_endian(bytes, 0).swap_bytes()
        }
    }

    fn is(&self, stored: (u32, u32)) -> bool {
        self.sums == stored
    }
}

fn big_endian(bytes: &[u8], at: usize) -> u32 {
    let word: Option<[u8; 4]> = bytes
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok());
    word.map_or(0, u32::from_be_bytes)
}

/// Whether frames of this run of the log stand behind its last whole commit.
///
/// Must be asked before the database is opened: from then on SQLite writes over them.
pub(super) fn is_torn(log: &Path) -> Result<bool, StoreError> {
    let file = match File::open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(StoreError::file("open", log)(error)),
    };
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut header = [0; HEADER];
    let length = fill(&mut reader, &mut header).map_err(StoreError::file("read", log))?;
    let page = usize::try_from(big_endian(&header, 8)).unwrap_or(0);
    let magic = big_endian(&header, 0);
    let known = magic & !1 == 0x377f_0682 && (512..=65_536).contains(&page);
    if length < HEADER || !known {
        // A header that was never finished has no commit behind it.
        return Ok(length > 0 && length < HEADER);
    }
    let mut checksum = Checksum {
        big_endian: magic & 1 == 1,
        sums: (0, 0),
    };
    checksum.add(header.get(..24).unwrap_or_default());
    let salts = (big_endian(&header, 16), big_endian(&header, 20));
    let mut frame = vec![0; FRAME_HEADER + page];
    let mut open = false;
    loop {
        let length = fill(&mut reader, &mut frame).map_err(StoreError::file("read", log))?;
        if (1..frame.len()).contains(&length) {
            return Ok(true);
        }
        let of_this_run = (big_endian(&frame, 8), big_endian(&frame, 12)) == salts;
        if length == 0 || !of_this_run {
            return Ok(open);
        }
        checksum.add(frame.get(..8).unwrap_or_default());
        checksum.add(frame.get(FRAME_HEADER..).unwrap_or_default());
        if !checksum.is((big_endian(&frame, 16), big_endian(&frame, 20))) {
            return Ok(true);
        }
        let commits = big_endian(&frame, 4) != 0;
        open = !commits;
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(reader: &mut impl std::io::Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let wanted = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
    let mut read = Vec::with_capacity(buffer.len());
    reader.take(wanted).read_to_end(&mut read)?;
    if let Some(start) = buffer.get_mut(..read.len()) {
        start.copy_from_slice(&read);
    }
    Ok(read.len())
}
