//! Writing at any bit offset.

/// Bits on their way to a byte buffer. It is small and passed by value, so that loops keep it in registers.
#[derive(Clone, Copy, Default)]
pub struct Bits {
    accumulator: u64,
    /// How many of the accumulator's low bits wait; below 64.
    pending: u32,
}

impl Bits {
    /// Write the low `width` bits of `value`; the bits above them are zero. `width` is below 64.
    #[inline(always)]
    pub fn put(&mut self, bytes: &mut Vec<u8>, value: u64, width: u32) {
        let total = self.pending + width;
        if total < 64 {
            self.accumulator = self.accumulator << width | value;
            self.pending = total;
        } else {
            *self = self.spill(bytes, value, width);
        }
    }

    #[inline(never)]
    fn spill(self, bytes: &mut Vec<u8>, value: u64, width: u32) -> Self {
        let rest = self.pending + width - 64;
        let word = self.accumulator << (width - rest) | value >> rest;
        bytes.extend_from_slice(&word.to_be_bytes());
        Bits { accumulator: value & ((1 << rest) - 1), pending: rest }
    }

    /// Write an Unsigned Integer.
    #[inline(always)]
    pub fn unsigned(&mut self, bytes: &mut Vec<u8>, value: u64) {
        if value < 0x80 {
            self.put(bytes, value, 8);
        } else if value < 0x4000 {
            self.put(bytes, (value & 0x7f | 0x80) << 8 | value >> 7, 16);
        } else {
            *self = self.groups(bytes, value.into());
        }
    }

    /// Write an Unsigned Integer of any size.
    #[inline(never)]
    pub fn groups(mut self, bytes: &mut Vec<u8>, mut value: u128) -> Self {
        while value >= 0x80 {
            self.put(bytes, value as u64 & 0x7f | 0x80, 8);
            value >>= 7;
        }
        self.put(bytes, value as u64, 8);
        self
    }

    /// Write bytes without their number.
    #[inline(always)]
    pub fn octets(&mut self, bytes: &mut Vec<u8>, data: &[u8]) {
        *self = self.block(bytes, data);
    }

    #[inline(never)]
    fn block(mut self, bytes: &mut Vec<u8>, data: &[u8]) -> Self {
        if data.len() < 24 {
            let (words, rest) = data.as_chunks::<4>();
            for word in words {
                self.put(bytes, u32::from_be_bytes(*word).into(), 32);
            }
            let rest = match *rest {
                [a] => (u32::from_be_bytes([0, 0, 0, a]), 8),
                [a, b] => (u32::from_be_bytes([0, 0, a, b]), 16),
                [a, b, c] => (u32::from_be_bytes([0, a, b, c]), 24),
                _ => return self,
            };
            self.put(bytes, rest.0.into(), rest.1);
            return self;
        }
        self = self.flush(bytes);
        let shift = self.pending;
        if shift == 0 {
            bytes.extend_from_slice(data);
            return self;
        }
        let Some((first, _)) = data.split_first() else { return self };
        let waiting = self.accumulator as u8 & ((1 << shift) - 1);
        let start = bytes.len();
        bytes.resize(start + data.len(), 0);
        let target = bytes.get_mut(start..).unwrap_or_default();
        if let Some((to, target)) = target.split_first_mut() {
            *to = waiting << (8 - shift) | first >> shift;
            join(target, data, data.get(1..).unwrap_or_default(), 8 - shift);
        }
        self.accumulator = data.last().map_or(0, |last| u64::from(last & ((1 << shift) - 1)));
        self
    }

    /// Move whole bytes to the buffer.
    #[inline]
    fn flush(self, bytes: &mut Vec<u8>) -> Self {
        // The pending bits at the top of a word, of which only whole bytes stay: cheaper than to copy just these.
        let word = self.accumulator << 1 << (63 - self.pending);
        let length = bytes.len() + (self.pending >> 3) as usize;
        bytes.extend_from_slice(&word.to_be_bytes());
        bytes.truncate(length);
        Bits { accumulator: self.accumulator, pending: self.pending & 7 }
    }
}

/// A byte buffer with bits on their way to it.
pub struct Writer {
    /// The bytes that are done.
    pub bytes: Vec<u8>,
    /// The bits that are not.
    pub bits: Bits,
}

impl Writer {
    /// An empty writer over a buffer whose memory is reused.
    pub fn new(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        Writer { bytes, bits: Bits::default() }
    }

    /// See [`Bits::put`].
    #[inline]
    pub fn bits(&mut self, value: u64, width: u32) {
        self.bits.put(&mut self.bytes, value, width);
    }

    /// Write an Unsigned Integer.
    #[inline]
    pub fn unsigned(&mut self, value: u64) {
        self.bits.unsigned(&mut self.bytes, value);
    }

    /// Write what stands before the groups of an integer, the groups of its magnitude, and the ends behind them.
    #[inline]
    pub fn groups_between(&mut self, head: u64, width: u32, number: i64, tail: u32) {
        let magnitude = (number ^ (number >> 63)) as u64;
        if magnitude < 0x80 {
            self.bits((head << 8 | magnitude) << tail, width + 8 + tail);
        } else if magnitude < 0x4000 {
            let groups = (magnitude & 0x7f | 0x80) << 8 | magnitude >> 7;
            self.bits((head << 16 | groups) << tail, width + 16 + tail);
        } else {
            self.bits(head, width);
            self.unsigned(magnitude);
            self.bits(0, tail);
        }
    }

    /// Write an Unsigned Integer of more than 64 bits.
    #[cold]
    pub fn groups(&mut self, value: u128) {
        self.bits = self.bits.groups(&mut self.bytes, value);
    }

    /// Write bytes without their number.
    #[inline]
    pub fn octets(&mut self, data: &[u8]) {
        self.bits.octets(&mut self.bytes, data);
    }

    /// Pad the last byte with zeros and return everything.
    pub fn finish(mut self) -> Vec<u8> {
        let padding = self.bits.pending.wrapping_neg() & 7;
        self.bits(0, padding);
        self.bits.flush(&mut self.bytes);
        self.bytes
    }
}

/// Fill `target` with bytes whose upper bits come from `high`, shifted up, and whose lower bits come from `low`, shifted
/// down. Every shifted copy is this, with the one source a byte behind the other.
#[inline]
pub fn join(target: &mut [u8], high: &[u8], low: &[u8], up: u32) {
    // Four words at a time, which the compiler makes vector instructions of, then words, then bytes.
    let done = join_words::<32>(target, high, low, up);
    let (Some(target), Some(high)) = (target.get_mut(done..), high.get(done..)) else { return };
    let low = low.get(done..).unwrap_or_default();
    let done = join_words::<8>(target, high, low, up);
    let (Some(target), Some(high)) = (target.get_mut(done..), high.get(done..)) else { return };
    let low = low.get(done..).unwrap_or_default().iter().copied().chain(std::iter::once(0));
    for ((to, high), low) in target.iter_mut().zip(high).zip(low) {
        *to = high << up | low >> (8 - up);
    }
}

#[inline(always)]
fn join_words<const N: usize>(target: &mut [u8], high: &[u8], low: &[u8], up: u32) -> usize {
    let down = 8 - up;
    let upper = u64::from_ne_bytes([0xff << up; 8]);
    let mut done = 0;
    for ((to, high), low) in target.chunks_exact_mut(N).zip(high.chunks_exact(N)).zip(low.chunks_exact(N)) {
        for ((to, high), low) in to.chunks_exact_mut(8).zip(high.chunks_exact(8)).zip(low.chunks_exact(8)) {
            let high = high.first_chunk::<8>().map_or(0, |chunk| u64::from_le_bytes(*chunk));
            let low = low.first_chunk::<8>().map_or(0, |chunk| u64::from_le_bytes(*chunk));
            to.copy_from_slice(&(high << up & upper | low >> down & !upper).to_le_bytes());
        }
        done += N;
    }
    done
}
