//! Reading at any bit offset.

use crate::error::{Failure, Outcome, refuse};
use crate::writer::join;

/// Reads a byte string from a bit position on.
pub struct Reader<'d> {
    data: &'d [u8],
    /// Position in bits.
    pub position: usize,
    /// Length of the data in bits.
    pub size: usize,
}

/// An Unsigned Integer of any size.
pub enum Unsigned {
    /// Up to 126 bits.
    Small(u128),
    /// More: the 7-bit groups, the lowest first.
    Large(Vec<u8>),
}

impl<'d> Reader<'d> {
    /// Start behind `position` bits. Only the first `length` bytes count: zeros behind them make the end quick.
    pub fn new(data: &'d [u8], length: usize, position: usize) -> Self {
        Reader { data, position, size: length.min(data.len()) * 8 }
    }

    /// The next 57 bits or more at the top of a word; zeros stand behind the end of the data.
    #[inline(always)]
    pub fn window(&self) -> u64 {
        self.window_after(0)
    }

    /// The same, `skip` bits on.
    #[inline(always)]
    pub fn window_after(&self, skip: u32) -> u64 {
        let position = self.position + skip as usize;
        let rest = self.data.get(position >> 3..).unwrap_or_default();
        let word = match rest.first_chunk::<8>() {
            Some(chunk) => u64::from_be_bytes(*chunk),
            None => last_word(rest),
        };
        word << (position & 7)
    }

    /// The next sixteen bytes; None where fewer are left in memory.
    #[inline(always)]
    pub fn sixteen(&self) -> Option<[u8; 16]> {
        let rest = self.data.get(self.position >> 3..)?;
        let (bytes, rest) = rest.split_first_chunk::<16>()?;
        let shift = (self.position & 7) as u32;
        let last = u128::from(*rest.first()?) << shift >> 8;
        Some((u128::from_be_bytes(*bytes) << shift | last).to_be_bytes())
    }

    /// Tell whether `width` more bits are there.
    #[inline(always)]
    pub fn has(&self, width: u32) -> bool {
        self.position + width as usize <= self.size
    }

    /// Read an unsigned integer of at most 57 bits.
    #[inline(always)]
    pub fn bits(&mut self, width: u32) -> Outcome<u64> {
        if !self.has(width) {
            return Err(self.truncated(width));
        }
        let value = if width == 0 { 0 } else { self.window() >> (64 - width) };
        self.position += width as usize;
        Ok(value)
    }

    #[cold]
    fn truncated(&self, width: u32) -> Box<Failure> {
        Failure::new(format!("the data end inside a value of {width} bits"), Some(self.position))
    }

    /// Read an Unsigned Integer that fits 63 bits, or nothing: the position is then unchanged.
    #[inline(always)]
    pub fn short_unsigned(&mut self) -> Option<u64> {
        let window = self.window();
        let mut value = 0;
        for group in 0..7 {
            let octet = window >> (56 - 8 * group) & 0xff;
            value |= (octet & 0x7f) << (7 * group);
            if octet < 0x80 {
                let width = 8 * (group as u32 + 1);
                if !self.has(width) {
                    return None;
                }
                self.position += width as usize;
                return Some(value);
            }
        }
        None
    }

    /// Read an Unsigned Integer of at most `max_groups` groups.
    #[inline(always)]
    pub fn unsigned(&mut self, max_groups: u32) -> Outcome<Unsigned> {
        if max_groups >= 7
            && let Some(value) = self.short_unsigned()
        {
            return Ok(Unsigned::Small(value.into()));
        }
        self.long_unsigned(max_groups)
    }

    #[cold]
    #[inline(never)]
    fn long_unsigned(&mut self, max_groups: u32) -> Outcome<Unsigned> {
        let start = self.position;
        let mut groups = Vec::new();
        for _ in 0..max_groups {
            let octet = self.bits(8)? as u8;
            groups.push(octet & 0x7f);
            if octet < 0x80 {
                if groups.len() > 18 {
                    return Ok(Unsigned::Large(groups));
                }
                let value = groups.iter().rev().fold(0, |value: u128, group| value << 7 | u128::from(*group));
                return Ok(Unsigned::Small(value));
            }
        }
        refuse(format!("an integer longer than {} bits", max_groups * 7), start)
    }

    /// Read the length of a string or binary, or an event code: an Unsigned Integer of at most five groups.
    #[inline(always)]
    pub fn length(&mut self) -> Outcome<usize> {
        let window = self.window();
        if window >> 63 == 0 && self.has(8) {
            self.position += 8;
            return Ok((window >> 56) as usize);
        }
        match self.long_length()? {
            Unsigned::Small(value) => Ok(value as usize),
            Unsigned::Large(_) => Ok(usize::MAX),
        }
    }

    #[inline(never)]
    fn long_length(&mut self) -> Outcome<Unsigned> {
        let start = self.position;
        if let Some(value) = self.short_unsigned() {
            if self.position - start <= 40 {
                return Ok(Unsigned::Small(value.into()));
            }
            self.position = start;
        }
        self.long_unsigned(5)
    }

    /// Fill `target` with the next bytes, which are there: whole words are shifted, never single bits.
    pub fn copy(&mut self, target: &mut [u8]) {
        let shift = (self.position & 7) as u32;
        let source = self.data.get(self.position >> 3..).unwrap_or_default();
        self.position += target.len() * 8;
        if shift == 0 {
            if let Some(source) = source.get(..target.len()) {
                target.copy_from_slice(source);
            }
            return;
        }
        join(target, source, source.get(1..).unwrap_or_default(), shift);
    }

    /// Tell whether `count` bytes are left.
    #[inline(always)]
    pub fn has_octets(&self, count: usize) -> bool {
        count <= (self.size - self.position.min(self.size)) / 8
    }
}

#[cold]
#[inline(never)]
fn last_word(rest: &[u8]) -> u64 {
    let mut word = [0; 8];
    for (to, from) in word.iter_mut().zip(rest) {
        *to = *from;
    }
    u64::from_be_bytes(word)
}
