//! Message objects to bytes, the quick way: msgspec's own encoder flattens a whole tree of objects into MessagePack in
//! one call, and what it wrote is turned into EXI without touching Python again. Reading the fields one by one through
//! the interpreter costs four times as much.
//!
//! Classes are arrays that start with a tag ([`crate::tables::Class::tag`]), so that a wrong class is seen. Whatever is
//! unusual, and every error, is `None`: the walk in [`crate::encode`] then takes its place and knows what to say.

use crate::plan::{Action, Run};
use crate::tables::{Class, Datatype, Event, Kind, Mode, Representation, Tables, first_octets};
use crate::values::STRING_CODES;
use crate::writer::Writer;

/// An array's length, its first item, which is a class's tag, and the rest.
#[inline(always)]
fn start_of_class(data: &[u8]) -> Option<(usize, u32, &[u8])> {
    match data {
        [head, 0xce, a, b, c, d, rest @ ..] if head & 0xf0 == 0x90 => {
            Some((usize::from(head & 15), u32::from_be_bytes([*a, *b, *c, *d]), rest))
        }
        // Many fields.
        [0xdc, a, b, 0xce, c, d, e, f, rest @ ..] => {
            Some((usize::from(u16::from_be_bytes([*a, *b])), u32::from_be_bytes([*c, *d, *e, *f]), rest))
        }
        _ => None,
    }
}

/// Turns what msgspec wrote into EXI.
pub struct Flat<'t, 'm, 'w> {
    tables: &'t Tables,
    rest: &'m [u8],
    writer: &'w mut Writer,
}

impl<'t, 'm, 'w> Flat<'t, 'm, 'w> {
    /// Start at the beginning of a value.
    pub fn new(tables: &'t Tables, data: &'m [u8], writer: &'w mut Writer) -> Self {
        Flat { tables, rest: data, writer }
    }

    /// Write the content of a class, from behind the start tag on.
    pub fn class(&mut self, class: &'t Class, depth: usize) -> Option<()> {
        let (count, tag) = self.start_of_class()?;
        if tag != class.tag? || count != class.fields.len() + 1 || depth >= crate::engine::MAX_DEPTH {
            return None;
        }
        self.fields(class, depth)
    }

    #[inline(always)]
    fn start_of_class(&mut self) -> Option<(usize, u32)> {
        let (count, tag, rest) = start_of_class(self.rest)?;
        self.rest = rest;
        Some((count, tag))
    }

    fn fields(&mut self, class: &'t Class, depth: usize) -> Option<()> {
        let tables = self.tables;
        let mut place = class.place;
        for (index, mode) in class.modes.iter().enumerate() {
            if *mode >= Mode::List {
                let state = self.list(class, index, place.state as usize, depth)?;
                place = tables.place(state).ok()?;
                continue;
            }
            if self.rest.first() == Some(&0xc0) {
                self.rest = self.rest.get(1..)?;
                continue;
            }
            // The production of this field; those before it are of optional fields that are absent.
            let mut code = 0;
            let choices = tables.quick_of(&place)?;
            let mut quick = choices.first()?;
            while usize::from(quick.field) != index || quick.action == Action::Plain || quick.action == Action::End {
                code += 1;
                quick = choices.get(code)?;
            }
            let width = u32::from(place.width);
            match quick.action {
                Action::Class | Action::Run => {
                    let (count, tag) = self.start_of_class()?;
                    if tag != quick.zeros {
                        // A substitution group.
                        let found = choices.iter().position(|other| {
                            other.zeros == tag
                                && usize::from(other.field) == index
                                && matches!(other.action, Action::Class | Action::Run)
                        })?;
                        code = found;
                        quick = choices.get(found)?;
                    }
                    let class = tables.classes.get(quick.subject as usize)?;
                    if count != class.modes.len() + 1 {
                        return None;
                    }
                    self.writer.bits(code as u64, width);
                    match &class.run {
                        Some(run) => self.run(run)?,
                        None if depth + 1 < crate::engine::MAX_DEPTH => self.fields(class, depth + 1)?,
                        None => return None,
                    }
                }
                Action::Boolean | Action::Enumeration | Action::Offset => {
                    let value = self.short(quick.action, quick.low, quick.high, quick.datatype)?;
                    let value_width = u32::from(quick.width);
                    self.writer.bits((code as u64) << (value_width + 2) | value << 1, width + value_width + 2);
                }
                Action::Unsigned | Action::Signed => {
                    let number = self.integer()?;
                    if number < quick.low || number > quick.high {
                        return None;
                    }
                    let head = (code as u64) << 1;
                    if quick.action == Action::Signed {
                        self.writer.bits(head << 1 | u64::from(number < 0), width + 2);
                    } else {
                        self.writer.bits(head, width + 1);
                    }
                    self.writer.unsigned((number ^ (number >> 63)) as u64);
                    self.writer.bits(0, 1);
                }
                Action::Long => {
                    let datatype = tables.datatype(quick.datatype as usize).ok()?;
                    self.long(datatype, code as u64, width)?;
                }
                Action::Attribute => {
                    self.writer.bits(code as u64, width);
                    self.value(quick.datatype)?;
                }
                Action::Text => {
                    self.writer.bits(code as u64, width);
                    if self.is_empty() {
                        return None;
                    }
                    self.value(quick.datatype)?;
                }
                Action::Plain | Action::End => return None,
            }
            place = quick.next;
        }
        let code = tables.quick_of(&place)?.iter().position(|quick| quick.action == Action::End)?;
        self.writer.bits(code as u64, place.width.into());
        Some(())
    }

    /// Write a class all of whose fields are required and short.
    #[inline(always)]
    fn run(&mut self, run: &Run) -> Option<()> {
        let mut bits = 0;
        let mut width = 0;
        for field in &run.fields {
            if matches!(field.action, Action::Signed | Action::Unsigned) {
                let number = self.integer()?;
                if number < field.low || number > field.high {
                    return None;
                }
                let sign = u64::from(field.action == Action::Signed && number < 0);
                let value_width = u32::from(field.width);
                self.writer.bits(bits << (2 + value_width) | sign, width + 2 + value_width);
                self.writer.unsigned((number ^ (number >> 63)) as u64);
                self.writer.bits(0, 2);
                return Some(());
            }
            let value = self.short(field.action, field.low, field.high, field.datatype)?;
            let value_width = u32::from(field.width);
            bits = bits << (3 + value_width) | value << 1;
            width += 3 + value_width;
        }
        self.writer.bits(bits << 1, width + 1);
        Some(())
    }

    /// The code of a value of fixed width.
    #[inline(always)]
    fn short(&mut self, action: Action, low: i64, high: i64, datatype: u32) -> Option<u64> {
        match action {
            Action::Boolean => self.boolean(),
            Action::Enumeration => {
                let row = self.tables.datatype(datatype as usize).ok()?;
                self.enumeration(row)
            }
            _ => {
                let number = self.integer()?;
                if number < low || number > high { None } else { Some((number - low) as u64) }
            }
        }
    }

    #[inline]
    fn enumeration(&mut self, row: &Datatype) -> Option<u64> {
        let text = self.text()?;
        let key = first_octets(text);
        let known = self.tables.enumeration(row.enumeration).ok()?;
        for (first, name, code) in known.by_length.get(text.len())? {
            if *first == key && (text.len() <= 8 || **name == *text) {
                return Some(*code);
            }
        }
        None
    }

    #[inline(always)]
    fn boolean(&mut self) -> Option<u64> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        match first {
            0xc2 => Some(0),
            0xc3 => Some(1),
            _ => None,
        }
    }

    /// Write the items of a list and return the state behind them.
    fn list(&mut self, class: &'t Class, field: usize, mut state: usize, depth: usize) -> Option<usize> {
        let tables = self.tables;
        let length = self.array()?;
        if length > 0 && class.modes.get(field) == Some(&Mode::Content) {
            return None;
        }
        let mut count = 0;
        for _ in 0..length {
            let row = tables.state(state).ok()?;
            let tag = start_of_class(self.rest).map(|(_, tag, _)| tag);
            let fits = |production: &crate::tables::Production| {
                production.field == field
                    && production.event == Event::Start
                    && tables.element(production.index()).is_ok_and(|element| match element.kind {
                        _ if element.is_abstract => false,
                        Kind::Simple(_) => true,
                        Kind::Class(index) => {
                            tag.is_some() && tables.class(index).is_ok_and(|class| class.tag == tag)
                        }
                    })
            };
            let productions = tables.productions_of(state);
            let code = productions.iter().position(fits)?;
            let production = productions.get(code)?;
            match tables.element(production.index()).ok()?.kind {
                Kind::Class(index) => {
                    self.writer.bits(code as u64, row.width);
                    self.class(tables.class(index).ok()?, depth + 1)?;
                }
                Kind::Simple(index) => {
                    let datatype = tables.datatype(index).ok()?;
                    match datatype.representation {
                        Representation::Text | Representation::Binary => self.long(datatype, code as u64, row.width)?,
                        _ => {
                            self.writer.bits((code as u64) << 1, row.width + 1);
                            self.value(u32::try_from(index).ok()?)?;
                            self.writer.bits(0, 1);
                        }
                    }
                }
            }
            let (next, now) = tables.follow(row, production.next, count).ok()?;
            state = next?;
            count = now;
        }
        Some(state)
    }

    fn is_empty(&self) -> bool {
        matches!(self.rest, [0xa0, ..] | [0xc4, 0, ..])
    }

    /// Write an element that holds a string or binary: event code, characters, value, end.
    fn long(&mut self, row: &Datatype, code: u64, width: u32) -> Option<()> {
        if row.representation == Representation::Text {
            let text = self.text()?;
            let count = if text.is_ascii() { text.len() } else { std::str::from_utf8(text).ok()?.chars().count() };
            if count == 0 {
                return self.empty(row, code, width);
            }
            self.writer.bits(code << 1, width + 1);
            self.characters(row, text, count)?;
        } else {
            let octets = self.binary()?;
            if octets.is_empty() {
                return self.empty(row, code, width);
            }
            self.writer.bits(code << 1, width + 1);
            self.octets(row, octets)?;
        }
        self.writer.bits(0, 1);
        Some(())
    }

    #[cold]
    fn empty(&mut self, row: &Datatype, code: u64, width: u32) -> Option<()> {
        if row.shortest > 0 {
            return None;
        }
        self.writer.bits(code << 4 | 0b1000, width + 4);
        Some(())
    }

    /// Write a value of any datatype.
    fn value(&mut self, datatype: u32) -> Option<()> {
        let row = self.tables.datatype(datatype as usize).ok()?;
        match row.representation {
            Representation::Boolean => {
                let value = self.boolean()?;
                self.writer.bits(value, 1);
            }
            Representation::Enumeration => {
                let value = self.enumeration(row)?;
                self.writer.bits(value, row.width);
            }
            Representation::Offset | Representation::Unsigned | Representation::Signed => {
                let number = self.integer()?;
                if number < row.low || number > row.high {
                    return None;
                }
                match row.representation {
                    Representation::Offset => self.writer.bits((number - row.low) as u64, row.width),
                    Representation::Unsigned => self.writer.unsigned(number as u64),
                    _ => {
                        self.writer.bits(u64::from(number < 0), 1);
                        self.writer.unsigned((number ^ (number >> 63)) as u64);
                    }
                }
            }
            Representation::Text => {
                let text = self.text()?;
                let count = if text.is_ascii() { text.len() } else { std::str::from_utf8(text).ok()?.chars().count() };
                self.characters(row, text, count)?;
            }
            Representation::Binary => {
                let octets = self.binary()?;
                self.octets(row, octets)?;
            }
        }
        Some(())
    }

    #[inline(always)]
    fn characters(&mut self, row: &Datatype, text: &[u8], count: usize) -> Option<()> {
        if count < row.shortest || row.longest.is_some_and(|longest| count > longest) {
            return None;
        }
        self.writer.unsigned((count + STRING_CODES) as u64);
        if count == text.len() {
            self.writer.octets(text);
        } else {
            for character in std::str::from_utf8(text).ok()?.chars() {
                self.writer.unsigned(u64::from(u32::from(character)));
            }
        }
        Some(())
    }

    #[inline(always)]
    fn octets(&mut self, row: &Datatype, octets: &[u8]) -> Option<()> {
        if octets.len() < row.shortest || row.longest.is_some_and(|longest| octets.len() > longest) {
            return None;
        }
        self.writer.unsigned(octets.len() as u64);
        self.writer.octets(octets);
        Some(())
    }

    // MessagePack

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    fn slice(&mut self, length: usize) -> Option<&'m [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    #[inline(always)]
    fn integer(&mut self) -> Option<i64> {
        let (&first, rest) = self.rest.split_first()?;
        if first < 0x80 || first >= 0xe0 {
            self.rest = rest;
            return Some(i64::from(first as i8));
        }
        self.long_integer()
    }

    fn long_integer(&mut self) -> Option<i64> {
        let [first] = self.take::<1>()?;
        Some(match first {
            0xcc => i64::from(u8::from_be_bytes(self.take()?)),
            0xcd => i64::from(u16::from_be_bytes(self.take()?)),
            0xce => i64::from(u32::from_be_bytes(self.take()?)),
            0xcf => i64::try_from(u64::from_be_bytes(self.take()?)).ok()?,
            0xd0 => i64::from(i8::from_be_bytes(self.take()?)),
            0xd1 => i64::from(i16::from_be_bytes(self.take()?)),
            0xd2 => i64::from(i32::from_be_bytes(self.take()?)),
            0xd3 => i64::from_be_bytes(self.take()?),
            _ => return None,
        })
    }

    #[inline(always)]
    fn text(&mut self) -> Option<&'m [u8]> {
        let [first] = self.take::<1>()?;
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
        let [first] = self.take::<1>()?;
        let length = match first {
            0xc4 => usize::from(u8::from_be_bytes(self.take()?)),
            0xc5 => usize::from(u16::from_be_bytes(self.take()?)),
            0xc6 => u32::from_be_bytes(self.take()?) as usize,
            _ => return None,
        };
        self.slice(length)
    }

    fn array(&mut self) -> Option<usize> {
        let [first] = self.take::<1>()?;
        Some(match first {
            0x90..=0x9f => usize::from(first & 15),
            0xdc => usize::from(u16::from_be_bytes(self.take()?)),
            0xdd => u32::from_be_bytes(self.take()?) as usize,
            _ => return None,
        })
    }
}
