//! Message objects to bytes, the quick way: msgspec's own encoder flattens a whole tree of objects into MessagePack in
//! one call, and what it wrote is turned into EXI without touching Python again. Reading the fields one by one through
//! the interpreter costs four times as much.
//!
//! Classes are arrays that start with a tag ([`crate::tables::Class::tag`]), so that a wrong class is seen. Whatever is
//! unusual, and every error, is `None`: the walk in [`crate::encode`] then takes its place and knows what to say.

use crate::engine::MAX_DEPTH;
use crate::plan::{Action, Run};
use crate::tables::{Class, Datatype, Event, Kind, Mode, Production, Representation, Tables, first_octets};
use crate::values::STRING_CODES;
use crate::writer::{Bits, Writer};

/// Turns what msgspec wrote into EXI.
pub struct Flat<'t, 'w> {
    tables: &'t Tables,
    bytes: &'w mut Vec<u8>,
}

/// Where reading and writing stand: passed by value, so that it stays in registers.
#[derive(Clone, Copy)]
struct Stand<'m> {
    rest: &'m [u8],
    bits: Bits,
}

/// Write the content of a class, from behind the start tag on, or nothing that counts.
pub fn transcode(tables: &Tables, class: &Class, data: &[u8], writer: &mut Writer, depth: usize) -> Option<()> {
    let stand = Stand { rest: data, bits: writer.bits };
    let mut flat = Flat { tables, bytes: &mut writer.bytes };
    writer.bits = flat.class(class, stand, depth)?.bits;
    Some(())
}

impl<'t> Flat<'t, '_> {
    fn class<'m>(&mut self, class: &'t Class, mut stand: Stand<'m>, depth: usize) -> Option<Stand<'m>> {
        let (count, tag) = stand.start_of_class()?;
        if Some(tag) != class.tag || count != class.fields.len() + 1 || depth >= MAX_DEPTH {
            return None;
        }
        self.fields(class, stand, depth)
    }

    fn fields<'m>(&mut self, class: &'t Class, mut stand: Stand<'m>, depth: usize) -> Option<Stand<'m>> {
        let tables = self.tables;
        let mut place = class.place;
        for (index, mode) in class.modes.iter().enumerate() {
            if *mode >= Mode::List {
                let (state, behind) = self.list(class, index, place.state as usize, stand, depth)?;
                place = tables.place(state).ok()?;
                stand = behind;
                continue;
            }
            if let [0xc0, rest @ ..] = stand.rest {
                stand.rest = rest;
                continue;
            }
            let choices = tables.quick_of(&place)?;
            let mut code = tables.code_of_field(&place, index)?;
            let mut quick = choices.get(code)?;
            let width = u32::from(place.width);
            match quick.action {
                Action::Class | Action::Run => {
                    let (count, tag) = stand.start_of_class()?;
                    if tag != quick.zeros {
                        // A substitution group.
                        code = tables.code_of_tag(&place, tag)?;
                        quick = choices.get(code).filter(|quick| usize::from(quick.field) == index)?;
                    }
                    let class = tables.classes.get(quick.subject as usize)?;
                    if count != class.modes.len() + 1 {
                        return None;
                    }
                    stand.bits.put(self.bytes, code as u64, width);
                    stand = match &class.run {
                        Some(run) => self.run(run, stand)?,
                        None if depth + 1 < MAX_DEPTH => self.fields(class, stand, depth + 1)?,
                        None => return None,
                    };
                }
                Action::Boolean | Action::Enumeration | Action::Offset => {
                    let value = self.short(&mut stand, quick.action, quick.low, quick.high, quick.datatype)?;
                    let value_width = u32::from(quick.width);
                    let bits = (code as u64) << (value_width + 2) | value << 1;
                    stand.bits.put(self.bytes, bits, width + value_width + 2);
                }
                Action::Unsigned | Action::Signed => {
                    let number = stand.integer()?;
                    if number < quick.low || number > quick.high {
                        return None;
                    }
                    let sign_width = u32::from(quick.action == Action::Signed);
                    let head = (code as u64) << (1 + sign_width) | u64::from(number < 0);
                    self.groups(&mut stand.bits, head, width + 1 + sign_width, number, 1);
                }
                Action::Long => {
                    let datatype = tables.datatype(quick.datatype as usize).ok()?;
                    stand = self.long(datatype, code as u64, width, stand)?;
                }
                Action::Attribute => {
                    stand.bits.put(self.bytes, code as u64, width);
                    stand = self.value(quick.datatype, stand)?;
                }
                Action::Text => {
                    stand.bits.put(self.bytes, code as u64, width);
                    if let [0xa0, ..] | [0xc4, 0, ..] = stand.rest {
                        return None;
                    }
                    stand = self.value(quick.datatype, stand)?;
                }
                Action::Plain | Action::End => return None,
            }
            place = quick.next;
        }
        let code = tables.code_of_end(&place)?;
        stand.bits.put(self.bytes, code as u64, place.width.into());
        Some(stand)
    }

    /// Write a class all of whose fields are required and short.
    #[inline]
    fn run<'m>(&mut self, run: &Run, mut stand: Stand<'m>) -> Option<Stand<'m>> {
        let mut bits = 0;
        let mut width = 0;
        for field in &run.fields {
            let value_width = u32::from(field.width);
            if matches!(field.action, Action::Signed | Action::Unsigned) {
                let number = stand.integer()?;
                if number < field.low || number > field.high {
                    return None;
                }
                let head = bits << (2 + value_width) | u64::from(number < 0);
                self.groups(&mut stand.bits, head, width + 2 + value_width, number, 2);
                return Some(stand);
            }
            let value = self.short(&mut stand, field.action, field.low, field.high, field.datatype)?;
            bits = bits << (3 + value_width) | value << 1;
            width += 3 + value_width;
        }
        stand.bits.put(self.bytes, bits << 1, width + 1);
        Some(stand)
    }

    /// Write what stands before the groups of an integer, the groups of its magnitude, and the ends behind them.
    #[inline(always)]
    fn groups(&mut self, bits: &mut Bits, head: u64, width: u32, number: i64, tail: u32) {
        let magnitude = (number ^ (number >> 63)) as u64;
        if magnitude < 0x80 {
            bits.put(self.bytes, (head << 8 | magnitude) << tail, width + 8 + tail);
        } else if magnitude < 0x4000 {
            let groups = (magnitude & 0x7f | 0x80) << 8 | magnitude >> 7;
            bits.put(self.bytes, (head << 16 | groups) << tail, width + 16 + tail);
        } else {
            bits.put(self.bytes, head, width);
            bits.unsigned(self.bytes, magnitude);
            bits.put(self.bytes, 0, tail);
        }
    }

    /// The code of a value of fixed width.
    #[inline(always)]
    fn short(&self, stand: &mut Stand<'_>, action: Action, low: i64, high: i64, datatype: u32) -> Option<u64> {
        match action {
            Action::Boolean => stand.boolean(),
            Action::Enumeration => self.enumeration(stand, self.tables.datatype(datatype as usize).ok()?),
            _ => {
                let number = stand.integer()?;
                if number < low || number > high { None } else { Some((number - low) as u64) }
            }
        }
    }

    #[inline(always)]
    fn enumeration(&self, stand: &mut Stand<'_>, row: &Datatype) -> Option<u64> {
        let text = stand.text()?;
        let key = first_octets(text);
        let known = self.tables.enumeration(row.enumeration).ok()?;
        for (first, name, code) in known.by_length.get(text.len())? {
            if *first == key && (text.len() <= 8 || **name == *text) {
                return Some(*code);
            }
        }
        None
    }

    /// Write the items of a list; return the state behind them, too.
    fn list<'m>(
        &mut self,
        class: &'t Class,
        field: usize,
        mut state: usize,
        mut stand: Stand<'m>,
        depth: usize,
    ) -> Option<(usize, Stand<'m>)> {
        let tables = self.tables;
        let length = stand.array()?;
        if length > 0 && class.modes.get(field) == Some(&Mode::Content) {
            return None;
        }
        let mut count = 0;
        for _ in 0..length {
            let row = tables.state(state).ok()?;
            let mut ahead = stand;
            let tag = ahead.start_of_class().map(|(_, tag)| tag);
            let fits = |production: &Production| {
                production.field == field
                    && production.event == Event::Start
                    && tables.element(production.index()).is_ok_and(|element| match element.kind {
                        _ if element.is_abstract => false,
                        Kind::Simple(_) => true,
                        Kind::Class(index) => tag.is_some() && tables.class(index).is_ok_and(|class| class.tag == tag),
                    })
            };
            let productions = tables.productions_of(state);
            let code = productions.iter().position(fits)?;
            let production = productions.get(code)?;
            match tables.element(production.index()).ok()?.kind {
                Kind::Class(index) => {
                    stand.bits.put(self.bytes, code as u64, row.width);
                    stand = self.class(tables.class(index).ok()?, stand, depth + 1)?;
                }
                Kind::Simple(index) => {
                    let datatype = tables.datatype(index).ok()?;
                    match datatype.representation {
                        Representation::Text | Representation::Binary => {
                            stand = self.long(datatype, code as u64, row.width, stand)?;
                        }
                        _ => {
                            stand.bits.put(self.bytes, (code as u64) << 1, row.width + 1);
                            stand = self.value(u32::try_from(index).ok()?, stand)?;
                            stand.bits.put(self.bytes, 0, 1);
                        }
                    }
                }
            }
            let (next, now) = tables.follow(row, production.next, count).ok()?;
            state = next?;
            count = now;
        }
        Some((state, stand))
    }

    /// Write an element that holds a string or binary: event code, characters, value, end.
    fn long<'m>(&mut self, row: &Datatype, code: u64, width: u32, mut stand: Stand<'m>) -> Option<Stand<'m>> {
        let (data, count, added) = if row.representation == Representation::Text {
            let text = stand.text()?;
            (text, character_count(text)?, STRING_CODES)
        } else {
            let octets = stand.binary()?;
            (octets, octets.len(), 0)
        };
        check_length(row, count)?;
        if count == 0 {
            stand.bits.put(self.bytes, code << 4 | 0b1000, width + 4);
            return Some(stand);
        }
        let length = (count + added) as u64;
        if length < 0x80 {
            stand.bits.put(self.bytes, code << 9 | length, width + 9);
        } else {
            stand.bits.put(self.bytes, code << 1, width + 1);
            stand.bits.unsigned(self.bytes, length);
        }
        self.data(&mut stand.bits, data, count)?;
        stand.bits.put(self.bytes, 0, 1);
        Some(stand)
    }

    #[inline(always)]
    fn data(&mut self, bits: &mut Bits, data: &[u8], count: usize) -> Option<()> {
        if count == data.len() {
            bits.octets(self.bytes, data);
        } else {
            for character in std::str::from_utf8(data).ok()?.chars() {
                bits.unsigned(self.bytes, u64::from(u32::from(character)));
            }
        }
        Some(())
    }

    /// Write a value of any datatype.
    fn value<'m>(&mut self, datatype: u32, mut stand: Stand<'m>) -> Option<Stand<'m>> {
        let row = self.tables.datatype(datatype as usize).ok()?;
        match row.representation {
            Representation::Boolean => {
                let value = stand.boolean()?;
                stand.bits.put(self.bytes, value, 1);
            }
            Representation::Enumeration => {
                let value = self.enumeration(&mut stand, row)?;
                stand.bits.put(self.bytes, value, row.width);
            }
            Representation::Offset | Representation::Unsigned | Representation::Signed => {
                let number = stand.integer()?;
                if number < row.low || number > row.high {
                    return None;
                }
                match row.representation {
                    Representation::Offset => stand.bits.put(self.bytes, (number - row.low) as u64, row.width),
                    Representation::Unsigned => stand.bits.unsigned(self.bytes, number as u64),
                    _ => self.groups(&mut stand.bits, u64::from(number < 0), 1, number, 0),
                }
            }
            Representation::Text => {
                let text = stand.text()?;
                let count = character_count(text)?;
                check_length(row, count)?;
                stand.bits.unsigned(self.bytes, (count + STRING_CODES) as u64);
                self.data(&mut stand.bits, text, count)?;
            }
            Representation::Binary => {
                let octets = stand.binary()?;
                check_length(row, octets.len())?;
                stand.bits.unsigned(self.bytes, octets.len() as u64);
                stand.bits.octets(self.bytes, octets);
            }
        }
        Some(stand)
    }
}

#[inline(always)]
fn check_length(row: &Datatype, count: usize) -> Option<()> {
    (count >= row.shortest && row.longest.is_none_or(|longest| count <= longest)).then_some(())
}

#[inline(always)]
fn character_count(text: &[u8]) -> Option<usize> {
    if text.is_ascii() { Some(text.len()) } else { Some(std::str::from_utf8(text).ok()?.chars().count()) }
}

/// MessagePack, as far as msgspec writes it of messages.
impl<'m> Stand<'m> {
    /// An array's length and its first item, which is a class's tag.
    #[inline(always)]
    fn start_of_class(&mut self) -> Option<(usize, u32)> {
        let (start, rest) = match self.rest {
            [head, 0xce, a, b, c, d, rest @ ..] if head & 0xf0 == 0x90 => {
                ((usize::from(head & 15), u32::from_be_bytes([*a, *b, *c, *d])), rest)
            }
            [0xdc, a, b, 0xce, c, d, e, f, rest @ ..] => {
                ((usize::from(u16::from_be_bytes([*a, *b])), u32::from_be_bytes([*c, *d, *e, *f])), rest)
            }
            _ => return None,
        };
        self.rest = rest;
        Some(start)
    }

    #[inline(always)]
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    #[inline(always)]
    fn slice(&mut self, length: usize) -> Option<&'m [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    #[inline(always)]
    fn boolean(&mut self) -> Option<u64> {
        match self.take()? {
            [0xc2] => Some(0),
            [0xc3] => Some(1),
            _ => None,
        }
    }

    #[inline(always)]
    fn integer(&mut self) -> Option<i64> {
        match self.rest {
            [first, rest @ ..] if *first < 0x80 || *first >= 0xe0 => {
                self.rest = rest;
                Some(i64::from(*first as i8))
            }
            [0xcd, a, b, rest @ ..] => {
                self.rest = rest;
                Some(i64::from(u16::from_be_bytes([*a, *b])))
            }
            _ => {
                let (number, rest) = long_integer(self.rest)?;
                self.rest = rest;
                Some(number)
            }
        }
    }

    #[inline(always)]
    fn text(&mut self) -> Option<&'m [u8]> {
        let [first] = self.take()?;
        let length = match first {
            0xa0..=0xbf => usize::from(first & 31),
            0xd9 => usize::from(u8::from_be_bytes(self.take()?)),
            0xda => usize::from(u16::from_be_bytes(self.take()?)),
            0xdb => u32::from_be_bytes(self.take()?) as usize,
            _ => return None,
        };
        self.slice(length)
    }

    #[inline(always)]
    fn binary(&mut self) -> Option<&'m [u8]> {
        let [first] = self.take()?;
        let length = match first {
            0xc4 => usize::from(u8::from_be_bytes(self.take()?)),
            0xc5 => usize::from(u16::from_be_bytes(self.take()?)),
            0xc6 => u32::from_be_bytes(self.take()?) as usize,
            _ => return None,
        };
        self.slice(length)
    }

    fn array(&mut self) -> Option<usize> {
        let [first] = self.take()?;
        Some(match first {
            0x90..=0x9f => usize::from(first & 15),
            0xdc => usize::from(u16::from_be_bytes(self.take()?)),
            0xdd => u32::from_be_bytes(self.take()?) as usize,
            _ => return None,
        })
    }
}

#[inline(never)]
fn long_integer(data: &[u8]) -> Option<(i64, &[u8])> {
    let mut stand = Stand { rest: data, bits: Bits::default() };
    let [first] = stand.take()?;
    let number = match first {
        0xcc => i64::from(u8::from_be_bytes(stand.take()?)),
        0xcd => i64::from(u16::from_be_bytes(stand.take()?)),
        0xce => i64::from(u32::from_be_bytes(stand.take()?)),
        0xcf => i64::try_from(u64::from_be_bytes(stand.take()?)).ok()?,
        0xd0 => i64::from(i8::from_be_bytes(stand.take()?)),
        0xd1 => i64::from(i16::from_be_bytes(stand.take()?)),
        0xd2 => i64::from(i32::from_be_bytes(stand.take()?)),
        0xd3 => i64::from_be_bytes(stand.take()?),
        _ => return None,
    };
    Some((number, stand.rest))
}
