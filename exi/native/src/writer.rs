//! Writing at any bit offset.

/// Collects bits: whole words leave the accumulator for the byte buffer.
pub struct Writer {
    bytes: Vec<u8>,
    accumulator: u64,
    /// How many of the accumulator's low bits wait; below 64.
    pending: u32,
}

impl Writer {
    /// An empty writer over a buffer whose memory is reused.
    pub fn new(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        Writer { bytes, accumulator: 0, pending: 0 }
    }

    /// Where writing stands, to come back to.
    pub fn mark(&self) -> (usize, u64, u32) {
        (self.bytes.len(), self.accumulator, self.pending)
    }

    /// Take back what was written since.
    pub fn reset(&mut self, mark: (usize, u64, u32)) {
        self.bytes.truncate(mark.0);
        (self.accumulator, self.pending) = (mark.1, mark.2);
    }

    /// Write the low `width` bits of `value`; the bits above them are zero. `width` is below 64.
    #[inline(always)]
    pub fn bits(&mut self, value: u64, width: u32) {
        let total = self.pending + width;
        if total < 64 {
            self.accumulator = self.accumulator << width | value;
            self.pending = total;
        } else {
            self.spill(value, width);
        }
    }

    #[inline(never)]
    fn spill(&mut self, value: u64, width: u32) {
        let rest = self.pending + width - 64;
        let word = self.accumulator << (width - rest) | value >> rest;
        self.bytes.extend_from_slice(&word.to_be_bytes());
        self.accumulator = value & ((1 << rest) - 1);
        self.pending = rest;
    }

    /// Write an Unsigned Integer.
    #[inline(always)]
    pub fn unsigned(&mut self, mut value: u64) {
        if value < 0x80 {
            self.bits(value, 8);
            return;
        }
        if value < 0x4000 {
            self.bits((value & 0x7f | 0x80) << 8 | value >> 7, 16);
            return;
        }
        while value >= 0x80 {
            self.bits(value & 0x7f | 0x80, 8);
            value >>= 7;
        }
        self.bits(value, 8);
    }

    /// Write an Unsigned Integer of more than 64 bits.
    #[cold]
    pub fn groups(&mut self, mut value: u128) {
        while value >= 0x80 {
            self.bits(value as u64 & 0x7f | 0x80, 8);
            value >>= 7;
        }
        self.bits(value as u64, 8);
    }

    /// Write bytes without their number.
    #[inline]
    pub fn octets(&mut self, data: &[u8]) {
        if let [a, b, c, d, e, f, rest @ ..] = data
            && rest.is_empty()
        {
            // Six bytes, the commonest identifiers, go through the accumulator.
            self.bits(u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]), 48);
            return;
        }
        if data.len() < 8 {
            for octet in data {
                self.bits(u64::from(*octet), 8);
            }
            return;
        }
        self.block(data);
    }

    #[inline(never)]
    fn block(&mut self, data: &[u8]) {
        self.flush();
        let shift = self.pending;
        if shift == 0 {
            self.bytes.extend_from_slice(data);
            return;
        }
        let mut carry = self.accumulator << (64 - shift);
        let start = self.bytes.len();
        self.bytes.resize(start + data.len(), 0);
        let target = self.bytes.get_mut(start..).unwrap_or_default();
        let mut words = target.chunks_exact_mut(8);
        let mut source = data.chunks_exact(8);
        for (to, from) in words.by_ref().zip(source.by_ref()) {
            let word = from.first_chunk::<8>().map_or(0, |chunk| u64::from_be_bytes(*chunk));
            to.copy_from_slice(&(carry | word >> shift).to_be_bytes());
            carry = word << (64 - shift);
        }
        for (to, octet) in words.into_remainder().iter_mut().zip(source.remainder()) {
            let word = u64::from(*octet) << 56;
            *to = ((carry | word >> shift) >> 56) as u8;
            carry = word << (8 - shift) & 0xff << 56;
        }
        self.accumulator = carry >> (64 - shift);
    }

    /// Pad the last byte with zeros and return everything.
    pub fn finish(mut self) -> Vec<u8> {
        let padding = self.pending.wrapping_neg() & 7;
        self.bits(0, padding);
        self.flush();
        self.bytes
    }

    /// Move whole bytes from the accumulator to the buffer.
    #[inline]
    fn flush(&mut self) {
        let whole = self.pending >> 3;
        let rest = self.pending & 7;
        // The pending bits at the top of a word.
        let word = self.accumulator << 1 << (63 - self.pending);
        self.bytes.extend_from_slice(word.to_be_bytes().get(..whole as usize).unwrap_or_default());
        self.pending = rest;
    }
}
