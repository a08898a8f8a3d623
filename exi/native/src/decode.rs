//! Bytes to message objects: the walk of `exi/decoder.py`, event by event, with short cuts for what schemas are full of
//! (see [`crate::decode_quick`]).

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};

use crate::decode_quick::Step;
use crate::engine::{Engine, HEADER, MAX_DEPTH};
use crate::error::{Outcome, corrupt, refuse};
use crate::reader::Reader;
use crate::tables::{Class, Event, Kind, Mode, Next, Production, State};

/// The values of a class's fields while they are read.
pub type Values<'py> = [Option<Bound<'py, PyAny>>];

/// Bits that tell `count` alternatives apart.
pub fn width_of(count: usize) -> u32 {
    usize::BITS - count.saturating_sub(1).leading_zeros()
}

macro_rules! sized {
    ($self:ident, $class:ident, $depth:ident, $none:ident, $([$($name:ident)*])*) => {
        match $class.fields.len() {
            0 => {
                $self.content($class, &mut [], $depth)?;
                Ok($class.class.bind($self.py).call0()?)
            }
            $(length if length == [$(stringify!($name)),*].len() => {
                let mut values = [$({ let $name = None; $name }),*];
                $self.content($class, &mut values, $depth)?;
                $self.fill($class, &mut values)?;
                let [$($name),*] = &values;
                Ok($class.class.bind($self.py).call1(($($name.as_ref().unwrap_or(&$none),)*))?)
            })*
            _ => Err(corrupt()),
        }
    };
}

/// One decoding.
pub struct Decoder<'e, 'd, 'py> {
    pub(crate) engine: &'e Engine,
    pub(crate) py: Python<'py>,
    pub(crate) reader: Reader<'d>,
}

impl<'e, 'd, 'py> Decoder<'e, 'd, 'py> {
    /// Start behind the header.
    pub fn open(engine: &'e Engine, py: Python<'py>, data: &'d [u8], length: usize) -> Outcome<Self> {
        match data.first() {
            _ if length == 0 => refuse("no data", 0),
            None => refuse("no data", 0),
            Some(&HEADER) => Ok(Decoder { engine, py, reader: Reader::new(data, length, 8) }),
            Some(other) => refuse(format!("the header is {other:#04x} instead of {HEADER:#04x}"), 0),
        }
    }

    /// Read a document and return its root element's value.
    pub fn document(&mut self) -> Outcome<Bound<'py, PyAny>> {
        let production = self.root_production(self.engine.tables.document_state)?;
        if production.event != Event::Start {
            return refuse("the root element is not one of the schema", 8);
        }
        let element = production.index();
        let value = self.step(element, 0)?;
        self.close()?;
        let tables = &self.engine.tables;
        let known = match tables.element(element)?.kind {
            Kind::Class(class) => {
                tables.documents.get(class).is_some_and(|root| root.is_some_and(|root| root.1 == element))
            }
            Kind::Simple(_) => false,
        };
        if known { Ok(value) } else { self.engine.make_item(self.py, element, &value) }
    }

    /// Read a fragment and return its only element and that element's value.
    pub fn fragment(&mut self) -> Outcome<(usize, Bound<'py, PyAny>)> {
        let state = self.engine.tables.fragment_state;
        let production = self.root_production(state)?;
        let found = match production.event {
            Event::RelaxedStart => self.relaxed(production.index())?,
            Event::Start => (production.index(), self.step(production.index(), 0)?),
            _ => return refuse("the fragment's element is not one of the schema", 8),
        };
        let start = self.reader.position;
        if self.root_production(state)?.event != Event::End {
            return refuse("the fragment goes on after its element", start);
        }
        self.close()?;
        Ok(found)
    }

    /// Refuse set padding bits and bytes behind the end: both mean that something was misread.
    fn close(&mut self) -> Outcome<()> {
        let end = self.reader.position;
        let padding = (end.wrapping_neg() & 7) as u32;
        if self.reader.bits(padding)? != 0 {
            return refuse("the padding is not zero", end);
        }
        if self.reader.position != self.reader.size {
            let left = (self.reader.size - self.reader.position) / 8;
            return refuse(format!("{left} bytes too many"), self.reader.position);
        }
        Ok(())
    }

    fn root_production(&mut self, state: usize) -> Outcome<&'e Production> {
        let start = self.reader.position;
        let tables = &self.engine.tables;
        let row = tables.state(state)?;
        let code = self.reader.bits(row.width())? as usize;
        if code >= row.count() {
            return refuse(format!("event code {code} does not exist"), start);
        }
        tables.production(row, code)
    }

    fn step(&mut self, element: usize, depth: usize) -> Outcome<Bound<'py, PyAny>> {
        self.element(element, depth).map_err(|failure| failure.within(self.engine.tables.local(element)))
    }

    #[inline]
    fn element(&mut self, element: usize, depth: usize) -> Outcome<Bound<'py, PyAny>> {
        let row = self.engine.tables.element(element)?;
        if row.refusal > 0 {
            return refuse(self.engine.tables.refusal(row), self.reader.position);
        }
        match row.kind {
            Kind::Simple(datatype) => self.simple(datatype),
            Kind::Class(class) => {
                if depth >= MAX_DEPTH {
                    return refuse(format!("elements nest deeper than {MAX_DEPTH}"), self.reader.position);
                }
                self.class(class, depth)
            }
        }
    }

    /// Read the content of an element of simple type: characters, end; or the escape to an empty one.
    #[inline]
    pub(crate) fn simple(&mut self, datatype: usize) -> Outcome<Bound<'py, PyAny>> {
        let start = self.reader.position;
        if self.reader.bits(1)? == 1 {
            self.escape(3, start)?;
            return self.engine.tables.empty_value(self.py, datatype, start);
        }
        let value = self.engine.tables.read_value(self.py, &mut self.reader, datatype)?;
        let start = self.reader.position;
        if self.reader.bits(1)? == 1 {
            return refuse("something other than the end of the element", start);
        }
        Ok(value)
    }

    /// Read a second-level code; only the end of an element is supported there.
    #[cold]
    fn escape(&mut self, width: u32, start: usize) -> Outcome<()> {
        if self.reader.bits(width)? != 0 {
            return refuse("an event that the schema does not declare", start);
        }
        Ok(())
    }

    pub(crate) fn class(&mut self, index: usize, depth: usize) -> Outcome<Bound<'py, PyAny>> {
        let class = self.engine.tables.class(index)?;
        if !class.positional || class.fields.len() > 12 {
            let mut values = vec![None; class.fields.len()];
            self.content(class, &mut values, depth)?;
            self.fill(class, &mut values)?;
            return self.engine.build(self.py, class, &values);
        }
        let none = self.py.None().into_bound(self.py);
        // One arm for each number of fields, so that the values stand on the stack and the call takes them from there.
        sized!(self, class, depth, none,
            [a] [a b] [a b c] [a b c d] [a b c d e] [a b c d e f] [a b c d e f g] [a b c d e f g h]
            [a b c d e f g h i] [a b c d e f g h i j] [a b c d e f g h i j k] [a b c d e f g h i j k l])
    }

    /// Give fields with many values that have none their empty list.
    #[inline(always)]
    fn fill(&self, class: &Class, values: &mut Values<'py>) -> Outcome<()> {
        for field in &class.lists {
            let slot = values.get_mut(*field).ok_or_else(corrupt)?;
            if slot.is_none() {
                *slot = Some(PyList::empty(self.py).into_any());
            }
        }
        Ok(())
    }

    fn content(&mut self, class: &'e Class, values: &mut Values<'py>, depth: usize) -> Outcome<()> {
        let tables = &self.engine.tables;
        let mut place = &class.place;
        let mut count = 0;
        loop {
            let window = self.reader.window();
            if let Some((code, quick)) = tables.quick(place, window) {
                match self.quick(place, quick, code, window, values, depth)? {
                    Step::Next => {
                        place = &quick.next;
                        continue;
                    }
                    Step::Over => return Ok(()),
                    Step::Plain => {}
                }
            }
            let state = place.state as usize;
            let row = tables.state(state)?;
            let start = self.reader.position;
            let code = self.reader.bits(row.width())? as usize;
            if code >= row.count() {
                return self.early_end(class, row, state, code, start, values);
            }
            let production = tables.production(row, code)?;
            match production.event {
                Event::End => return Ok(()),
                Event::Start => self.child(class, production, values, depth)?,
                Event::Attribute => {
                    let attribute = tables.attribute(production.index())?;
                    let value =
                        tables.read_value(self.py, &mut self.reader, attribute.datatype).map_err(|failure| {
                            failure.within(format!("@{}", tables.attribute_local(production.index())))
                        })?;
                    store(values, production.field(), value)?;
                }
                Event::Text => {
                    let value = tables.read_value(self.py, &mut self.reader, production.index())?;
                    if class.fields.get(production.field()).is_some_and(|field| field.mode == Mode::Content) {
                        list(self.py, values, production.field())?.append(value)?;
                    } else {
                        store(values, production.field(), value)?;
                    }
                }
                Event::StartAny | Event::RelaxedStart => self.any(class, production, values, depth)?,
            }
            let (next, now) = tables.follow(row, production.next, count)?;
            place = tables.place(next.ok_or_else(corrupt)?)?;
            count = now;
        }
    }

    /// The escape: an element that ends before its schema lets it, which only an empty text may do.
    #[cold]
    fn early_end(
        &mut self,
        class: &Class,
        row: &State,
        state: usize,
        code: usize,
        start: usize,
        values: &mut Values<'py>,
    ) -> Outcome<()> {
        if code > row.count() {
            return refuse(format!("event code {code} does not exist"), start);
        }
        self.escape(row.second_width(), start)?;
        let is_content = |field: usize| class.fields.get(field).is_some_and(|field| field.mode == Mode::Content);
        match self.engine.tables.productions_of(state).last() {
            Some(text) if text.event == Event::Text && !is_content(text.field()) => {
                let value = self.engine.tables.empty_value(self.py, text.index(), start)?;
                store(values, text.field(), value)
            }
            _ => refuse(format!("the element ends before {}", self.engine.expected(state)), start),
        }
    }

    #[inline]
    fn child(&mut self, class: &Class, production: &Production, values: &mut Values<'py>, depth: usize) -> Outcome<()> {
        let element = production.index();
        let mode = class.fields.get(production.field()).ok_or_else(corrupt)?.mode;
        if mode < Mode::List {
            let value = self.step(element, depth + 1)?;
            return store(values, production.field(), value);
        }
        let target = list(self.py, values, production.field())?;
        self.append(element, &target, mode, depth + 1)
    }

    #[inline]
    fn append(&mut self, element: usize, target: &Bound<'py, PyList>, mode: Mode, depth: usize) -> Outcome<()> {
        let value = match self.element(element, depth) {
            Ok(value) => value,
            Err(failure) => {
                return Err(failure.within(self.engine.numbered(self.py, element, mode, target, target.len())));
            }
        };
        if mode == Mode::Content {
            target.append(self.engine.make_item(self.py, element, &value)?)?;
        } else {
            target.append(value)?;
        }
        Ok(())
    }

    /// Read an element that a wildcard admits: its name by the string tables, then its own grammar.
    #[cold]
    fn any(&mut self, class: &Class, production: &Production, values: &mut Values<'py>, depth: usize) -> Outcome<()> {
        let tables = &self.engine.tables;
        let start = self.reader.position;
        let code = self.reader.bits(width_of(tables.uris.len() + 1))? as usize;
        let Some((uri_index, uri)) = code.checked_sub(1).and_then(|index| Some((index, tables.uris.get(index)?)))
        else {
            return refuse("an element of a namespace outside the schema", start);
        };
        let names = tables.local_names.get(uri_index).ok_or_else(corrupt)?;
        if self.reader.length()? != 0 || names.is_empty() {
            return refuse("an element that the schema does not declare", start);
        }
        let local = self.reader.bits(width_of(names.len()))? as usize;
        let Some(name) = names.get(local) else {
            return refuse(format!("there is no name {local} in {uri}"), start);
        };
        let Some(&element) = tables.globals.get(&(uri_index, name.clone())) else {
            return refuse(format!("there is no global element {name} in {uri}"), start);
        };
        self.engine.check_wildcard(class, production, uri_index, Some(start))?;
        let target = list(self.py, values, production.field())?;
        self.append(element, &target, Mode::Content, depth + 1)
    }

    /// Read a fragment whose element has several types, by the element fragment grammar.
    fn relaxed(&mut self, relaxed: usize) -> Outcome<(usize, Bound<'py, PyAny>)> {
        let candidates = self.engine.tables.candidates(relaxed);
        let name = candidates.first().map_or("", |element| self.engine.tables.local(*element));
        self.relaxed_content(candidates).map_err(|failure| failure.within(name))
    }

    fn relaxed_content(&mut self, candidates: &[usize]) -> Outcome<(usize, Bound<'py, PyAny>)> {
        let tables = &self.engine.tables;
        let mut state = tables.relaxed_start_state;
        let mut attributes: Vec<(usize, Bound<'py, PyAny>)> = Vec::new();
        let mut text: Option<Bound<'py, PyAny>> = None;
        let origin = self.reader.position;
        loop {
            let start = self.reader.position;
            let row = tables.state(state)?;
            let code = self.reader.bits(row.width())? as usize;
            if code >= row.count() {
                return refuse("an event that the schema does not declare", start);
            }
            let production = tables.production(row, code)?;
            let subject = production.index();
            let known = attributes.iter().any(|(attribute, _)| *attribute == subject);
            match production.event {
                Event::End => {
                    let text = text.unwrap_or_else(|| PyString::new(self.py, "").into_any());
                    return self.relaxed_value(candidates, &attributes, &text, origin);
                }
                Event::Attribute if production.subject >= 0 && !known => {
                    let attribute = tables.attribute(subject)?;
                    let value = tables
                        .read_value(self.py, &mut self.reader, attribute.datatype)
                        .map_err(|failure| failure.within(format!("@{}", tables.attribute_local(subject))))?;
                    attributes.push((subject, value));
                }
                Event::Text if text.is_none() => {
                    text = Some(tables.read_value(self.py, &mut self.reader, subject)?);
                }
                _ => return refuse("an event that none of the element's types declares", start),
            }
            match production.next {
                Next::State(next) => state = next as usize,
                _ => return Err(corrupt()),
            }
        }
    }

    /// Choose the declared type that has just these attributes, and make its value.
    fn relaxed_value(
        &mut self,
        candidates: &[usize],
        attributes: &[(usize, Bound<'py, PyAny>)],
        text: &Bound<'py, PyAny>,
        start: usize,
    ) -> Outcome<(usize, Bound<'py, PyAny>)> {
        for &element in candidates {
            match self.engine.tables.element(element)?.kind {
                Kind::Simple(datatype) if attributes.is_empty() => {
                    return Ok((element, self.engine.parse(self.py, text, datatype, start)?));
                }
                Kind::Simple(_) => {}
                Kind::Class(index) => {
                    let class = self.engine.tables.class(index)?;
                    let Some(subjects) = self.engine.subjects(class)? else { continue };
                    let fits = attributes.iter().all(|(given, _)| subjects.iter().any(|s| s.is_attribute(*given)))
                        && subjects.iter().all(|s| {
                            s.event != Event::Attribute
                                || s.optional
                                || attributes.iter().any(|(given, _)| *given == s.subject)
                        });
                    if !fits {
                        continue;
                    }
                    let mut values = vec![None; class.fields.len()];
                    for subject in &subjects {
                        let value = if subject.event == Event::Attribute {
                            attributes
                                .iter()
                                .find(|(given, _)| *given == subject.subject)
                                .map(|(_, value)| value.clone())
                        } else {
                            Some(self.engine.parse(self.py, text, subject.subject, start)?)
                        };
                        *values.get_mut(subject.field).ok_or_else(corrupt)? = value;
                    }
                    return Ok((element, self.engine.build(self.py, class, &values)?));
                }
            }
        }
        refuse("attributes and text fit none of the element's types", start)
    }
}

/// Keep the value of a field.
#[inline(always)]
pub fn store<'py>(values: &mut Values<'py>, field: usize, value: Bound<'py, PyAny>) -> Outcome<()> {
    *values.get_mut(field).ok_or_else(corrupt)? = Some(value);
    Ok(())
}

/// The list of a field with many values, made when its first value comes.
fn list<'py>(py: Python<'py>, values: &mut Values<'py>, field: usize) -> Outcome<Bound<'py, PyList>> {
    let slot = values.get_mut(field).ok_or_else(corrupt)?;
    let held = slot.get_or_insert_with(|| PyList::empty(py).into_any());
    Ok(held.cast::<PyList>().map_err(|_| corrupt())?.clone())
}

impl Engine {
    /// Make a message object from the values of its fields; an absent one is None.
    pub fn build<'py>(&self, py: Python<'py>, class: &Class, values: &Values<'py>) -> Outcome<Bound<'py, PyAny>> {
        if !class.positional {
            return self.build_by_name(py, class, values);
        }
        let none = py.None().into_bound(py);
        let all = PyTuple::new(py, values.iter().map(|value| value.as_ref().unwrap_or(&none)))?;
        Ok(class.class.bind(py).call1(all)?)
    }
}
