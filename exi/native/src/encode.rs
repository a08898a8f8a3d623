//! Message objects to bytes: the walk of `exi/encoder.py`, with short cuts for what schemas are full of (see
//! [`crate::encode_quick`]).

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyInt, PyList, PyString, PyTuple};

use crate::decode::width_of;
use crate::encode_quick::Fields;
use crate::engine::{Engine, HEADER, MAX_DEPTH};
use crate::error::{Failure, Outcome, corrupt, shown, unfit};
use crate::plan::Place;
use crate::tables::{ABSTRACT, Class, Datatype, Event, Field, Kind, Mode, Production, Representation, State};
use crate::values::{STRING_CODES, check_large, check_length, check_range};
use crate::writer::Writer;

/// One encoding.
pub struct Encoder<'e, 'py> {
    pub(crate) engine: &'e Engine,
    pub(crate) py: Python<'py>,
    /// What was written.
    pub writer: Writer,
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string())
}

/// The text of a string; None for anything else, and for what is no Unicode.
fn text_of<'a>(value: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    value.cast::<PyString>().ok()?.to_str().ok()
}

fn is_empty(value: &Bound<'_, PyAny>) -> bool {
    if let Ok(text) = value.cast::<PyString>() {
        text.len().is_ok_and(|length| length == 0)
    } else if let Ok(bytes) = value.cast::<PyBytes>() {
        bytes.as_bytes().is_empty()
    } else if let Ok(bytes) = value.cast::<PyByteArray>() {
        bytes.len() == 0
    } else {
        false
    }
}

impl<'e, 'py> Encoder<'e, 'py> {
    /// Start with an empty buffer, whose memory is reused.
    pub fn new(engine: &'e Engine, py: Python<'py>, buffer: Vec<u8>) -> Self {
        Encoder { engine, py, writer: Writer::new(buffer) }
    }

    /// The bytes.
    pub fn finish(self) -> Vec<u8> {
        self.writer.finish()
    }

    /// Write the document whose root element has the value's class.
    pub fn document(&mut self, message: &Bound<'py, PyAny>) -> Outcome<()> {
        let tables = &self.engine.tables;
        let found = self.class_of(message).and_then(|class| Some((class, (*tables.documents.get(class)?)?)));
        let Some((class, (code, element))) = found else {
            return self.named_document(message);
        };
        self.begin(tables.document_state, code)?;
        self.class(class, message, 0).map_err(|failure| failure.within(tables.local(element)))
    }

    /// Write the document that an `Item` names.
    #[cold]
    fn named_document(&mut self, message: &Bound<'py, PyAny>) -> Outcome<()> {
        let tables = &self.engine.tables;
        if !message.is_instance(self.engine.item(self.py)?)? {
            self.refused_document(message)?;
            return unfit(format!("{} is not the type of a global element of {}", type_name(message), tables.name));
        }
        let (name, uri) = (message.getattr("name")?, message.getattr("ns")?);
        for (code, production) in tables.productions_of(tables.document_state).iter().enumerate() {
            let element = production.index();
            if production.event != Event::Start || tables.element(element)?.refusal == ABSTRACT {
                continue;
            }
            let (local, namespace) = tables.name_of(element)?;
            if name.eq(local)? && uri.eq(namespace)? {
                self.begin(tables.document_state, code)?;
                return self.step(element, &message.getattr("value")?, 0);
            }
        }
        unfit(format!("{} has no document {} of {}", tables.name, shown(&name), shown(&uri)))
    }

    /// Refuse the document of a class where a profile has none.
    #[cold]
    fn refused_document(&mut self, message: &Bound<'py, PyAny>) -> Outcome<()> {
        let tables = &self.engine.tables;
        for production in tables.productions_of(tables.document_state) {
            if production.event == Event::Start
                && tables.element(production.index())?.refusal > ABSTRACT
                && self.fits(production.index(), message, false)?
            {
                return self.step(production.index(), message, 0);
            }
        }
        Ok(())
    }

    /// Write the fragment of one element.
    pub fn fragment(
        &mut self,
        value: &Bound<'py, PyAny>,
        name: Option<&Bound<'py, PyAny>>,
        uri: Option<&Bound<'py, PyAny>>,
    ) -> Outcome<()> {
        let tables = &self.engine.tables;
        let state = tables.fragment_state;
        let row = tables.state(state)?;
        let known = match (name, self.class_of(value)) {
            (Some(name), _) => text_of(name).and_then(|name| tables.fragments.by_name.get(name)),
            (None, Some(class)) => tables.fragments.by_class.get(&class),
            (None, None) => None,
        };
        let mut named = false;
        let mut refused = None;
        for code in known.into_iter().flatten() {
            let production = tables.production(row, *code)?;
            let own = [production.index()];
            let candidates: &[usize] = match production.event {
                Event::RelaxedStart => tables.candidates(production.index()),
                _ => &own,
            };
            let first = *candidates.first().ok_or_else(corrupt)?;
            let namespace = tables.uris.get(tables.element(first)?.uri).map_or("", String::as_str);
            if uri.is_some_and(|uri| text_of(uri) != Some(namespace)) {
                continue;
            }
            named = true;
            let mut chosen = None;
            for &element in candidates {
                if self.fits(element, value, name.is_some())? {
                    chosen = Some(element);
                    break;
                }
            }
            let Some(element) = chosen else { continue };
            if tables.element(element)?.refusal > 0 {
                refused = refused.or(Some(element));
                continue;
            }
            self.begin(state, *code)?;
            if production.event == Event::RelaxedStart {
                self.relaxed(element, value).map_err(|failure| failure.within(tables.local(element)))?;
            } else {
                self.step(element, value, 0)?;
            }
            self.writer.bits(row.count() as u64 - 1, row.width());
            return Ok(());
        }
        if let Some(element) = refused {
            return self.step(element, value, 0);
        }
        let element = match name {
            Some(name) if !named => return unfit(format!("{} has no element {}", tables.name, shown(name))),
            Some(name) => format!("element {}", shown(name)),
            None => "element".into(),
        };
        unfit(format!("{} has no {element} of the type {}", tables.name, type_name(value)))
    }

    #[inline]
    pub(crate) fn class_of(&self, value: &Bound<'py, PyAny>) -> Option<usize> {
        self.engine.tables.by_class.get(&(value.get_type_ptr() as usize)).copied()
    }

    fn begin(&mut self, state: usize, code: usize) -> Outcome<()> {
        self.writer.bits(HEADER.into(), 8);
        self.writer.bits(code as u64, self.engine.tables.state(state)?.width());
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn is_a(&self, value: &Bound<'py, PyAny>, class: &Class) -> bool {
        std::ptr::addr_eq(class.class.as_ptr(), value.get_type_ptr())
    }

    #[inline]
    fn is_of(&self, value: &Bound<'py, PyAny>, class: usize) -> Outcome<bool> {
        Ok(self.is_a(value, self.engine.tables.class(class)?))
    }

    fn fits(&self, element: usize, value: &Bound<'py, PyAny>, simple: bool) -> Outcome<bool> {
        let row = self.engine.tables.element(element)?;
        match row.kind {
            _ if row.refusal == ABSTRACT => Ok(false),
            Kind::Simple(_) => Ok(simple && !self.is_message(value)?),
            Kind::Class(class) => self.is_of(value, class),
        }
    }

    fn is_message(&self, value: &Bound<'py, PyAny>) -> Outcome<bool> {
        let base = self.py.import("exi.schema")?.getattr("XsdType")?;
        Ok(value.is_instance(&base)?)
    }

    fn step(&mut self, element: usize, value: &Bound<'py, PyAny>, depth: usize) -> Outcome<()> {
        self.element(element, value, depth).map_err(|failure| failure.within(self.engine.tables.local(element)))
    }

    #[inline]
    fn element(&mut self, element: usize, value: &Bound<'py, PyAny>, depth: usize) -> Outcome<()> {
        let row = self.engine.tables.element(element)?;
        if row.refusal > 0 {
            return unfit(self.engine.tables.refusal(row));
        }
        match row.kind {
            Kind::Simple(datatype) => self.simple(datatype, value),
            Kind::Class(class) => {
                if !self.is_of(value, class)? {
                    let wanted = &self.engine.tables.class(class)?.name;
                    return unfit(format!("{} where {wanted} belongs", type_name(value)));
                }
                if depth >= MAX_DEPTH {
                    return unfit(format!("elements nest deeper than {MAX_DEPTH}"));
                }
                self.class(class, value, depth)
            }
        }
    }

    #[inline]
    fn simple(&mut self, datatype: usize, value: &Bound<'py, PyAny>) -> Outcome<()> {
        if is_empty(value) && !self.engine.tables.empty_as_text {
            self.check_only(datatype, value)?;
            self.writer.bits(0b1000, 4);
            return Ok(());
        }
        self.writer.bits(0, 1);
        self.value(datatype, value)?;
        self.writer.bits(0, 1);
        Ok(())
    }

    /// Check a value as writing it does.
    #[cold]
    fn check_only(&self, datatype: usize, value: &Bound<'py, PyAny>) -> Outcome<()> {
        Encoder::new(self.engine, self.py, Vec::new()).value(datatype, value)
    }

    pub(crate) fn class(&mut self, index: usize, value: &Bound<'py, PyAny>, depth: usize) -> Outcome<()> {
        let tables = &self.engine.tables;
        let class = tables.class(index)?;
        let mut walk = Walk { place: &class.place, count: 0 };
        let fields = Fields::of(self.engine, class, value)?;
        for &field in &class.order {
            let row = class.fields.get(field).ok_or_else(corrupt)?;
            let held = fields.get(field)?;
            if row.mode < Mode::List {
                if held.is_none() {
                    continue;
                }
                if let Some(next) = self.quick(walk.place, field, &held, depth)? {
                    walk = Walk { place: next, count: 0 };
                    continue;
                }
            }
            if let Flow::Over = self.plain_field(class, field, row, &held, depth, &mut walk)? {
                return Ok(());
            }
        }
        let place = walk.place;
        match tables.code_of_end(place) {
            Some(code) => {
                self.writer.bits(code as u64, place.width.into());
                Ok(())
            }
            None => self.unfinished(place),
        }
    }

    /// Write one field of a class without short cuts.
    #[inline(never)]
    fn plain_field(
        &mut self,
        class: &'e Class,
        field: usize,
        row: &Field,
        held: &Bound<'py, PyAny>,
        depth: usize,
        walk: &mut Walk<'e>,
    ) -> Outcome<Flow> {
        let mut state = walk.place.state as usize;
        if row.mode < Mode::List {
            if let Flow::Over = self.item(class, field, held, None, depth, &mut state, &mut walk.count)? {
                return Ok(Flow::Over);
            }
        } else {
            let items = self.items(held, row.name.bind(self.py))?;
            for (number, item) in items.iter().enumerate() {
                self.item(class, field, &item, Some((&items, number)), depth, &mut state, &mut walk.count)?;
            }
        }
        walk.place = self.engine.tables.place(state)?;
        Ok(Flow::On)
    }

    #[cold]
    fn unfinished(&mut self, place: &Place) -> Outcome<()> {
        let state = place.state as usize;
        match self.engine.tables.productions_of(state).iter().position(|production| production.event == Event::End) {
            Some(code) => {
                self.writer.bits(code as u64, place.width.into());
                Ok(())
            }
            None => unfit(format!("{} is missing", self.engine.expected(state))),
        }
    }

    fn items(&self, held: &Bound<'py, PyAny>, name: &Bound<'py, PyString>) -> Outcome<Bound<'py, PyList>> {
        if let Ok(list) = held.cast::<PyList>() {
            return Ok(list.clone());
        }
        match held.cast::<PyTuple>() {
            Ok(tuple) => Ok(PyList::new(self.py, tuple)?),
            Err(_) => unfit(format!("{name} is {} where a list belongs", type_name(held))),
        }
    }

    #[inline]
    #[allow(clippy::too_many_arguments)]
    fn item(
        &mut self,
        class: &Class,
        field: usize,
        item: &Bound<'py, PyAny>,
        among: Option<(&Bound<'py, PyList>, usize)>,
        depth: usize,
        state: &mut usize,
        count: &mut usize,
    ) -> Outcome<Flow> {
        let tables = &self.engine.tables;
        let row = tables.state(*state)?;
        let mode = class.fields.get(field).ok_or_else(corrupt)?.mode;
        let (code, production) = self.choose(row, *state, field, mode, item)?;
        if production.event == Event::Text && mode != Mode::Content && is_empty(item) && !tables.empty_as_text {
            self.check_only(production.index(), item)?;
            self.writer.bits(row.count() as u64, row.width());
            self.writer.bits(0, row.second_width());
            return Ok(Flow::Over);
        }
        self.writer.bits(code as u64, row.width());
        match production.event {
            Event::Start if mode < Mode::List => self.step(production.index(), item, depth + 1)?,
            Event::Attribute => {
                let index = production.index();
                let datatype = tables.attribute(index)?.datatype;
                self.value(datatype, item)
                    .map_err(|failure| failure.within(format!("@{}", tables.attribute_local(index))))?;
            }
            Event::Text => self.value(production.index(), item)?,
            _ => {
                let entry = item.get_type().is(self.engine.item(self.py)?);
                let element = if production.event == Event::StartAny {
                    self.any(class, production, item)?
                } else {
                    production.index()
                };
                let content = if entry { item.getattr("value")? } else { item.clone() };
                if let Err(failure) = self.element(element, &content, depth + 1) {
                    let step = match among {
                        Some((list, number)) => self.engine.numbered(self.py, element, mode, list, number),
                        None => tables.local(element).into(),
                    };
                    return Err(failure.within(step));
                }
            }
        }
        match tables.follow(row, production.next, *count)? {
            (Some(next), now) => {
                *state = next;
                *count = now;
                Ok(Flow::On)
            }
            (None, _) => Err(corrupt()),
        }
    }

    /// Find the production that takes an item, or say what should stand there.
    #[inline]
    fn choose(
        &self,
        row: &State,
        state: usize,
        field: usize,
        mode: Mode,
        item: &Bound<'py, PyAny>,
    ) -> Outcome<(usize, &'e Production)> {
        let tables = &self.engine.tables;
        let productions = tables.productions_of(state);
        debug_assert_eq!(productions.len(), row.count());
        if mode == Mode::Content {
            return self.choose_content(productions, state, field, item);
        }
        for (code, production) in productions.iter().enumerate() {
            if production.field() != field || production.event == Event::End {
                continue;
            }
            let takes = match production.event {
                Event::Start => match tables.element(production.index())?.kind {
                    Kind::Simple(_) => true,
                    Kind::Class(_) => self.fits(production.index(), item, false)?,
                },
                _ => true,
            };
            if takes {
                return Ok((code, production));
            }
        }
        self.misplaced(item, mode, state)
    }

    fn choose_content(
        &self,
        productions: &'e [Production],
        state: usize,
        field: usize,
        item: &Bound<'py, PyAny>,
    ) -> Outcome<(usize, &'e Production)> {
        let tables = &self.engine.tables;
        let is_item = item.get_type().is(self.engine.item(self.py)?);
        let is_text = item.is_instance_of::<PyString>();
        let mut wildcard = None;
        for (code, production) in productions.iter().enumerate() {
            if production.field() != field {
                continue;
            }
            match production.event {
                Event::Text if is_text => return Ok((code, production)),
                Event::Start if is_item => {
                    let (local, uri) = tables.name_of(production.index())?;
                    if item.getattr("name")?.eq(local)? && item.getattr("ns")?.eq(uri)? {
                        return Ok((code, production));
                    }
                }
                Event::StartAny if is_item => wildcard = Some((code, production)),
                _ => {}
            }
        }
        if let Some(found) = wildcard {
            return Ok(found);
        }
        self.misplaced(item, Mode::Content, state)
    }

    /// Say what stands where something else belongs.
    #[cold]
    fn misplaced<T>(&self, item: &Bound<'py, PyAny>, mode: Mode, state: usize) -> Outcome<T> {
        let what = if item.get_type().is(self.engine.item(self.py)?) {
            shown(&item.getattr("name")?)
        } else if mode == Mode::Content && item.is_instance_of::<PyString>() {
            "text".into()
        } else {
            type_name(item)
        };
        unfit(format!("{what} where {} belongs", self.engine.expected(state)))
    }

    /// Write the name of an element that a wildcard admits.
    fn any(&mut self, class: &Class, production: &Production, item: &Bound<'py, PyAny>) -> Outcome<usize> {
        let tables = &self.engine.tables;
        let (name, uri) = (item.getattr("name")?, item.getattr("ns")?);
        let find = || {
            let (name, uri) = (text_of(&name)?, text_of(&uri)?);
            let index = tables.uris.iter().position(|known| *known == uri)?;
            let element = *tables.globals.get(&(index, name.into()))?;
            let names = tables.local_names.get(index)?;
            Some((index, element, names.iter().position(|known| *known == name)?, names.len()))
        };
        let found = find();
        let Some((index, element, local, count)) =
            found.filter(|(_, element, ..)| tables.element(*element).is_ok_and(|element| element.refusal == 0))
        else {
            let (name, uri) = (shown(&name), shown(&uri));
            return unfit(format!("there is no global element {name} in {uri} that a wildcard could admit"));
        };
        self.engine.check_wildcard(class, production, index, None)?;
        self.writer.bits(index as u64 + 1, width_of(tables.uris.len() + 1));
        self.writer.unsigned(0);
        self.writer.bits(local as u64, width_of(count));
        Ok(element)
    }

    /// Check a value's type and facets and write it.
    #[inline]
    fn value(&mut self, datatype: usize, value: &Bound<'py, PyAny>) -> Outcome<()> {
        let tables = &self.engine.tables;
        let row = tables.datatype(datatype)?;
        match row.representation {
            Representation::Boolean => match value.cast::<PyBool>() {
                Ok(flag) => self.writer.bits(flag.is_true().into(), 1),
                Err(_) => return unfit(format!("{} where a boolean belongs", type_name(value))),
            },
            Representation::Enumeration => {
                let enumeration = tables.enumeration(row.enumeration)?;
                let code = match enumeration.codes.bind(self.py).get_item(value) {
                    Ok(Some(code)) => code.extract::<u64>()?,
                    _ => {
                        let shown: String = value.repr()?.to_string().chars().take(80).collect();
                        return unfit(format!("{shown} is not a value of {}", enumeration.name));
                    }
                };
                self.writer.bits(code, row.width);
            }
            Representation::Offset | Representation::Unsigned | Representation::Signed => {
                let Ok(number) = value.cast::<PyInt>() else {
                    return unfit(format!("{} where an integer belongs", type_name(value)));
                };
                match number.extract::<i64>() {
                    Ok(number) => self.integer(row, number.into())?,
                    Err(_) => match number.extract::<i128>() {
                        Ok(number) => self.integer(row, number)?,
                        Err(_) => self.large_integer(row, number)?,
                    },
                }
            }
            Representation::Text => {
                let Ok(text) = value.cast::<PyString>() else {
                    return unfit(format!("{} where a string belongs", type_name(value)));
                };
                let Ok(text) = text.to_str() else {
                    return unfit("a lone surrogate is not a character");
                };
                self.text(row, text)?;
            }
            Representation::Binary => {
                if let Ok(bytes) = value.cast::<PyBytes>() {
                    self.binary(row, bytes.as_bytes())?;
                } else if value.is_instance_of::<PyByteArray>() {
                    let bytes = self.py.get_type::<PyBytes>().call1((value,))?;
                    self.binary(row, bytes.cast::<PyBytes>().map_err(|_| corrupt())?.as_bytes())?;
                } else {
                    return unfit(format!("{} where bytes belong", type_name(value)));
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn integer(&mut self, row: &Datatype, number: i128) -> Outcome<()> {
        check_range(row, number, None)?;
        match row.representation {
            Representation::Offset => self.writer.bits((number - row.base) as u64, row.width),
            Representation::Unsigned => self.unsigned(number as u128),
            _ => {
                self.writer.bits((number < 0).into(), 1);
                self.unsigned(if number < 0 { !number } else { number } as u128);
            }
        }
        Ok(())
    }

    #[inline]
    fn unsigned(&mut self, number: u128) {
        match u64::try_from(number) {
            Ok(number) => self.writer.unsigned(number),
            Err(_) => self.writer.groups(number),
        }
    }

    /// Integers beyond 127 bits: the limb work is Python's.
    #[cold]
    fn large_integer(&mut self, row: &Datatype, number: &Bound<'py, PyInt>) -> Outcome<()> {
        check_large(row, number, None)?;
        let negative = number.lt(0)?;
        let length: u32 = number.call_method0("bit_length")?.extract()?;
        let magnitude = if negative { number.bitxor(-1)? } else { number.clone().into_any() };
        let bytes = magnitude.call_method1("to_bytes", (length.div_ceil(8), "little"))?;
        let bytes = bytes.cast::<PyBytes>().map_err(|_| corrupt())?.as_bytes();
        if row.representation == Representation::Signed {
            self.writer.bits(negative.into(), 1);
        }
        let bits: u32 = magnitude.call_method0("bit_length")?.extract()?;
        let groups = bits.div_ceil(7).max(1);
        for group in 0..groups {
            let octet = (0..7).fold(0_u64, |octet, bit| {
                let at = (group * 7 + bit) as usize;
                let set = bytes.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
                octet | u64::from(set) << bit
            });
            self.writer.bits(octet | u64::from(group + 1 < groups) << 7, 8);
        }
        Ok(())
    }

    #[inline]
    fn text(&mut self, row: &Datatype, text: &str) -> Outcome<()> {
        if text.is_ascii() {
            check_length(row, text.len(), None)?;
            self.writer.unsigned((text.len() + STRING_CODES) as u64);
            self.writer.octets(text.as_bytes());
            return Ok(());
        }
        if self.engine.tables.ascii_only {
            return unfit(format!("{} knows ASCII characters only", self.engine.tables.profile));
        }
        let count = text.chars().count();
        check_length(row, count, None)?;
        self.writer.unsigned((count + STRING_CODES) as u64);
        for character in text.chars() {
            self.writer.unsigned(u64::from(u32::from(character)));
        }
        Ok(())
    }

    #[inline]
    fn binary(&mut self, row: &Datatype, bytes: &[u8]) -> Outcome<()> {
        check_length(row, bytes.len(), None)?;
        self.writer.unsigned(bytes.len() as u64);
        self.writer.octets(bytes);
        Ok(())
    }

    fn relaxed(&mut self, element: usize, value: &Bound<'py, PyAny>) -> Outcome<()> {
        let tables = &self.engine.tables;
        let mut state = tables.relaxed_start_state;
        let text = match tables.element(element)?.kind {
            Kind::Simple(datatype) => Some(self.engine.format(self.py, value, datatype)?),
            Kind::Class(index) => {
                let class = tables.class(index)?;
                let mut text = None;
                let Some(subjects) = self.engine.subjects(class)? else {
                    return unfit("the element fragment grammar is supported for attributes and text only");
                };
                for subject in subjects {
                    let name = &class.fields.get(subject.field).ok_or_else(corrupt)?.name;
                    let held = value.getattr(name)?;
                    if subject.event == Event::Text {
                        text = Some(self.engine.format(self.py, &held, subject.subject)?);
                    } else if !held.is_none() || !subject.optional {
                        self.code(state, Event::Attribute, Some(subject.subject))?;
                        let datatype = tables.attribute(subject.subject)?.datatype;
                        self.value(datatype, &held).map_err(|failure: Box<Failure>| {
                            failure.within(format!("@{}", tables.attribute_local(subject.subject)))
                        })?;
                    }
                }
                text
            }
        };
        if let Some(text) = text
            && !text.is_empty()?
        {
            let datatype = self.code(state, Event::Text, None)?;
            self.value(datatype, &text)?;
            state = tables.relaxed_content_state;
        }
        self.code(state, Event::End, None)?;
        Ok(())
    }

    fn code(&mut self, state: usize, event: Event, subject: Option<usize>) -> Outcome<usize> {
        let tables = &self.engine.tables;
        let productions = tables.productions_of(state);
        for (code, production) in productions.iter().enumerate() {
            let same = subject.is_none() || (production.subject >= 0 && subject == Some(production.index()));
            if production.event == event && same {
                self.writer.bits(code as u64, tables.state(state)?.width());
                return Ok(production.index());
            }
        }
        unfit("the element fragment grammar has no such attribute")
    }
}

/// How far the writing of a class has come.
struct Walk<'e> {
    place: &'e Place,
    /// Items of a counted particle.
    count: usize,
}

/// Whether an element goes on after an item.
enum Flow {
    On,
    Over,
}
