//! Reading the tables of `exi.tables.Tables`: every index is checked here, once, so that none fails later.

use std::collections::HashMap;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::plan::{Action, NO_FIELD, Place, Quick, plan, reachable, run_of};
use crate::shared::Shared;
use crate::tables::{
    Addresses, Attribute, Class, Counter, Datatype, Element, Enumeration, Event, Field, Fragments, Kind, Mode, NO_CODE,
    Next, Production, Representation, Shortcuts, State, Tables, type_key,
};

const ROWS: &str = "rows of the tables";

fn bad<T>(what: &str) -> PyResult<T> {
    Err(PyValueError::new_err(format!("the tables are corrupt: {what}")))
}

fn rows<const N: usize>(tables: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<[i64; N]>> {
    let flat: Vec<i64> = tables.getattr(name)?.extract()?;
    let (rows, rest) = flat.as_chunks::<N>();
    if rest.is_empty() { Ok(rows.to_vec()) } else { bad(name) }
}

fn index(value: i64, length: usize) -> PyResult<usize> {
    match usize::try_from(value) {
        Ok(index) if index < length => Ok(index),
        _ => bad(ROWS),
    }
}

fn row(value: i64, length: usize) -> PyResult<u32> {
    Ok(u32::try_from(index(value, length)?)?)
}

fn small(value: i64, limit: u32) -> PyResult<u32> {
    match u32::try_from(value) {
        Ok(width) if width <= limit => Ok(width),
        _ => bad(ROWS),
    }
}

/// A part of a table.
fn part<T>(table: &[T], first: i64, count: i64) -> PyResult<&[T]> {
    let first = usize::try_from(first)?;
    match table.get(first..first.saturating_add(usize::try_from(count)?)) {
        Some(part) => Ok(part),
        None => bad("a part of a table"),
    }
}

fn all<R, T>(rows: &[R], read: impl Fn(&R) -> PyResult<T>) -> PyResult<Vec<T>> {
    rows.iter().map(read).collect()
}

fn interned(py: Python<'_>, texts: &[String]) -> Vec<Py<PyString>> {
    texts.iter().map(|text| PyString::intern(py, text).unbind()).collect()
}

/// Tell whether a class takes all its fields by position: keyword-only ones are made more slowly.
fn is_positional(class: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(class.getattr("__match_args__")?.len()? == class.getattr("__struct_fields__")?.len()?)
}

/// How many rows the tables have that other rows point into.
struct Lengths {
    states: usize,
    counters: usize,
    elements: usize,
    attributes: usize,
    datatypes: usize,
    relaxed: usize,
    classes: usize,
    texts: usize,
    uris: usize,
    refusals: usize,
}

impl Lengths {
    fn counter(&self, [minimum, maximum, below, within, full]: &[i64; 5]) -> PyResult<Counter> {
        Ok(Counter {
            minimum: usize::try_from(*minimum)?,
            maximum: usize::try_from(*maximum).ok(),
            below: index(*below, self.states)?,
            within: index(*within, self.states)?,
            full: index(*full, self.states)?,
        })
    }

    fn element(&self, [local, uri, kind, refusal]: &[i64; 4]) -> PyResult<Element> {
        Ok(Element {
            local: index(*local, self.texts)?,
            uri: index(*uri, self.uris)?,
            kind: if *kind < 0 {
                Kind::Simple(index(-1 - *kind, self.datatypes)?)
            } else {
                Kind::Class(index(*kind, self.classes)?)
            },
            refusal: index(*refusal, self.refusals)?,
        })
    }

    fn attribute(&self, [local, uri, datatype]: &[i64; 3]) -> PyResult<Attribute> {
        index(*uri, self.uris)?;
        Ok(Attribute { local: index(*local, self.texts)?, datatype: index(*datatype, self.datatypes)? })
    }

    fn relaxed(&self, [first, count]: &[i64; 2], candidates: &[i64]) -> PyResult<Vec<usize>> {
        match part(candidates, *first, *count)? {
            [] => bad("candidates"),
            all => all.iter().map(|element| index(*element, self.elements)).collect(),
        }
    }

    fn production(&self, [event, subject, field, next]: &[i64; 4]) -> PyResult<Production> {
        let event = match event {
            0 => Event::Attribute,
            1 => Event::Start,
            2 => Event::StartAny,
            3 => Event::End,
            4 => Event::Text,
            5 => Event::RelaxedStart,
            _ => return bad("an event"),
        };
        match event {
            Event::Attribute if *subject >= 0 => drop(index(*subject, self.attributes)?),
            Event::Start => drop(index(*subject, self.elements)?),
            Event::Text => drop(index(*subject, self.datatypes)?),
            Event::RelaxedStart => drop(index(*subject, self.relaxed)?),
            _ => {}
        }
        Ok(Production {
            event,
            subject: i32::try_from(*subject)?,
            field: u16::try_from(*field).unwrap_or(NO_FIELD),
            next: match *next {
                -1 => Next::Nothing,
                state if state >= 0 => Next::State(row(state, self.states)?),
                counter => Next::Counter(row(-2 - counter, self.counters)?),
            },
        })
    }

    fn state(
        &self,
        [first, count, width, second_width, counter]: &[i64; 5],
        productions: &[Production],
    ) -> PyResult<State> {
        Ok(State {
            count: u32::try_from(part(productions, *first, *count)?.len())?,
            first: u32::try_from(*first)?,
            width: small(*width, 32)? as u8,
            second_width: small(*second_width, 32)? as u8,
            counter: if *counter < 0 { u32::MAX } else { row(*counter, self.counters)? },
        })
    }
}

/// Read one class; `modes` and `order` are the tables of all classes.
fn read_class(
    class: &Bound<'_, PyAny>,
    names: &[String],
    [start, first_field, field_count, first_order, order_count, uri]: &[i64; 6],
    modes: &[[i64; 2]],
    order: &[i64],
    states: &[State],
    uris: usize,
) -> PyResult<Class> {
    let modes = part(modes, *first_field, *field_count)?;
    if modes.len() != names.len() {
        return bad("field names");
    }
    let read_field = |([mode, _], name): (&[i64; 2], &String)| {
        Ok(Field {
            mode: match mode {
                0 => Mode::Required,
                1 => Mode::Optional,
                2 => Mode::List,
                3 => Mode::Content,
                _ => return bad("a mode"),
            },
            name: PyString::intern(class.py(), name).unbind(),
        })
    };
    let fields = modes.iter().zip(names).map(read_field).collect::<PyResult<Vec<_>>>()?;
    let start = index(*start, states.len())?;
    let Some(place) = states.get(start).and_then(|state| Place::of(start, state)) else {
        return bad("a state");
    };
    Ok(Class {
        class: class.clone().unbind(),
        name: class.getattr("__name__")?.extract()?,
        positional: is_positional(class)?,
        lists: (0..fields.len())
            .filter(|index| fields.get(*index).is_some_and(|field| field.mode >= Mode::List))
            .collect(),
        order: part(order, *first_order, *order_count)?
            .iter()
            .map(|field| index(*field, fields.len()))
            .collect::<PyResult<_>>()?,
        fields,
        start,
        place,
        run: None,
        uri: index(*uri, uris)?,
    })
}

impl Tables {
    /// Read and check the tables. Raises ValueError where an index leads nowhere.
    pub fn read(tables: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = tables.py();
        let state_rows = rows::<5>(tables, "states")?;
        let production_rows = rows::<4>(tables, "productions")?;
        let counter_rows = rows::<5>(tables, "counters")?;
        let element_rows = rows::<4>(tables, "elements")?;
        let attribute_rows = rows::<3>(tables, "attributes")?;
        let type_rows = rows::<6>(tables, "types")?;
        let field_rows = rows::<2>(tables, "fields")?;
        let relaxed_rows = rows::<2>(tables, "relaxed")?;
        let order: Vec<i64> = tables.getattr("order")?.extract()?;
        let candidates: Vec<i64> = tables.getattr("candidates")?.extract()?;
        let texts: Vec<String> = tables.getattr("strings")?.extract()?;
        let uris: Vec<String> = tables.getattr("uris")?.extract()?;
        let local_names: Vec<Vec<String>> = tables.getattr("local_names")?.extract()?;
        let enumerations = read_enumerations(&tables.getattr("enumerations")?)?;
        let longest_integer = tables.getattr("longest_integer")?.extract()?;
        let datatypes = read_datatypes(&tables.getattr("datatypes")?, &enumerations, longest_integer)?;
        let refusals: Vec<String> = tables.getattr("refusals")?.extract()?;
        let class_objects: Vec<Bound<'_, PyAny>> = tables.getattr("classes")?.extract()?;
        let field_names: Vec<Vec<String>> = tables.getattr("field_names")?.extract()?;
        if local_names.len() != uris.len()
            || class_objects.len() != type_rows.len()
            || field_names.len() != type_rows.len()
        {
            return bad("lengths differ");
        }
        let lengths = Lengths {
            states: state_rows.len(),
            counters: counter_rows.len(),
            elements: element_rows.len(),
            attributes: attribute_rows.len(),
            datatypes: datatypes.len(),
            relaxed: relaxed_rows.len(),
            classes: type_rows.len(),
            texts: texts.len(),
            uris: uris.len(),
            refusals: refusals.len(),
        };
        let counters = all(&counter_rows, |row| lengths.counter(row))?;
        let elements = all(&element_rows, |row| lengths.element(row))?;
        let attributes = all(&attribute_rows, |row| lengths.attribute(row))?;
        let relaxed = all(&relaxed_rows, |row| lengths.relaxed(row, &candidates))?;
        let productions = all(&production_rows, |row| lengths.production(row))?;
        let states = all(&state_rows, |row| lengths.state(row, &productions))?;
        let mut classes = Vec::new();
        for ((class, names), row) in class_objects.iter().zip(&field_names).zip(&type_rows) {
            classes.push(read_class(class, names, row, &field_rows, &order, &states, uris.len())?);
        }
        let by_class: HashMap<usize, usize, Addresses> =
            class_objects.iter().enumerate().map(|(index, class)| (class.as_ptr() as usize, index)).collect();
        let shared = Shared::new(py, &enumerations)?;
        let top = |name: &str| index(tables.getattr(name)?.extract()?, states.len());
        let mut read = Tables {
            name: tables.getattr("name")?.extract()?,
            refusals,
            profile: tables.getattr("profile")?.extract()?,
            ascii_only: tables.getattr("ascii_only")?.extract()?,
            empty_as_text: tables.getattr("empty_as_text")?.extract()?,
            document_state: top("document_state")?,
            fragment_state: top("fragment_state")?,
            relaxed_start_state: top("relaxed_start_state")?,
            relaxed_content_state: top("relaxed_content_state")?,
            strings: interned(py, &texts),
            uri_strings: interned(py, &uris),
            globals: HashMap::new(),
            documents: Vec::new(),
            fragments: Fragments::default(),
            quick: plan(&states, &productions, &counters, &elements, &datatypes, &attributes, &classes, &shared),
            codes_of_types: HashMap::default(),
            shortcuts: Vec::new(),
            codes_of_fields: Vec::new(),
            shared,
            places: states
                .iter()
                .enumerate()
                .map(|(index, state)| Place::of(index, state).unwrap_or_default())
                .collect(),
            states,
            productions,
            counters,
            elements,
            attributes,
            datatypes,
            classes,
            enumerations,
            relaxed,
            texts,
            uris,
            local_names,
            by_class,
        };
        read.check_fields()?;
        read.find_codes();
        read.find_runs();
        read.find_roots();
        Ok(read)
    }

    fn find_runs(&mut self) {
        for class in &mut self.classes {
            class.run = if class.positional { run_of(class, &self.quick) } else { None };
        }
        for quick in &mut self.quick {
            let run = self.classes.get(quick.subject as usize).is_some_and(|class| class.run.is_some());
            if quick.action == Action::Class && run {
                quick.action = Action::Run;
            }
        }
    }

    /// Every production that is reached from a class names one of its fields.
    fn check_fields(&self) -> PyResult<()> {
        for class in &self.classes {
            for state in reachable(class.start, &self.states, &self.productions, &self.counters) {
                for production in self.productions.get(state.productions()).unwrap_or_default() {
                    if production.event != Event::End && production.field() >= class.fields.len() {
                        return bad("a production's field");
                    }
                }
            }
        }
        Ok(())
    }

    fn quicks(&self, place: &Place) -> Option<&[Quick]> {
        let first = place.first as usize;
        self.quick.get(first..first + usize::from(place.count))
    }

    fn find_codes(&mut self) {
        for state in 0..self.states.len() {
            let place = self.place(state).ok().copied();
            let choices = place.as_ref().and_then(|place| self.quicks(place)).unwrap_or_default();
            let fields = || choices.iter().map(|quick| quick.field).filter(|field| *field != NO_FIELD);
            let lowest = fields().min().unwrap_or_default();
            let count = fields().max().map_or(0, |highest| highest - lowest + 1);
            let mut codes = vec![NO_CODE; count.into()];
            let mut end = NO_CODE;
            for (code, quick) in choices.iter().enumerate().rev() {
                let short = u8::try_from(code).unwrap_or(NO_CODE);
                if quick.action == Action::End {
                    end = short;
                }
                if let Some(known) = codes.get_mut(usize::from(quick.field.wrapping_sub(lowest))) {
                    *known = short;
                }
            }
            let classes: Vec<(usize, usize)> = choices
                .iter()
                .enumerate()
                .rev()
                .filter(|(_, quick)| quick.action == Action::Class)
                .filter_map(|(code, quick)| {
                    Some((self.classes.get(quick.subject as usize)?.class.as_ptr() as usize, code))
                })
                .collect();
            if let Some(place) = &place {
                self.codes_of_types.extend(classes.into_iter().map(|(address, code)| (type_key(place, address), code)));
            }
            self.shortcuts.push(Shortcuts { lowest, first: self.codes_of_fields.len() as u32, count, end });
            self.codes_of_fields.extend(codes);
        }
    }

    fn find_roots(&mut self) {
        let mut documents = vec![None; self.classes.len()];
        for (code, production) in self.productions_of(self.document_state).iter().enumerate() {
            if let (Event::Start, Some(element)) = (production.event, self.elements.get(production.index()))
                && let (Kind::Class(class), 0) = (element.kind, element.refusal)
                && let Some(known) = documents.get_mut(class).filter(|known| known.is_none())
            {
                *known = Some((code, production.index()));
            }
        }
        let mut fragments = Fragments::default();
        for (code, production) in self.productions_of(self.fragment_state).iter().enumerate() {
            let own = [production.index()];
            let candidates = match production.event {
                Event::Start => &own,
                Event::RelaxedStart => self.candidates(production.index()),
                _ => continue,
            };
            for element in candidates.iter().filter_map(|element| self.elements.get(*element)) {
                if let Kind::Class(class) = element.kind {
                    fragments.by_class.entry(class).or_default().push(code);
                }
            }
            if let Some(element) = candidates.first() {
                fragments.by_name.entry(self.local(*element).into()).or_default().push(code);
            }
        }
        let name = |production: &Production| {
            let element = self.elements.get(production.index())?;
            Some(((element.uri, self.texts.get(element.local)?.clone()), production.index()))
        };
        let roots = self.productions_of(self.document_state).iter();
        self.globals = roots.filter(|production| production.event == Event::Start).filter_map(name).collect();
        self.documents = documents;
        self.fragments = fragments;
    }
}

fn read_enumerations(sequence: &Bound<'_, PyAny>) -> PyResult<Vec<Enumeration>> {
    let mut found = Vec::new();
    for enumeration in sequence.try_iter()? {
        let mut members = Vec::new();
        let codes = PyDict::new(sequence.py());
        let mut name = String::new();
        for member in enumeration?.try_iter()? {
            let member = member?;
            if members.is_empty() {
                name = member.get_type().getattr("__name__")?.extract()?;
            }
            codes.set_item(&member, members.len())?;
            members.push(member.unbind());
        }
        found.push(Enumeration { members, codes: codes.unbind(), name });
    }
    Ok(found)
}

fn read_datatypes(
    sequence: &Bound<'_, PyAny>,
    enumerations: &[Enumeration],
    longest_integer: u32,
) -> PyResult<Vec<Datatype>> {
    let flat: Vec<i128> = sequence.extract()?;
    let (rows, rest) = flat.as_chunks::<8>();
    if !rest.is_empty() {
        return bad("datatypes");
    }
    rows.iter()
        .map(|[representation, width, flags, minimum, maximum, shortest, longest, enumeration]| {
            let representation = match representation {
                0 => Representation::Boolean,
                1 => Representation::Enumeration,
                2 => Representation::Offset,
                3 => Representation::Unsigned,
                4 => Representation::Signed,
                5 => Representation::Text,
                6 => Representation::Binary,
                _ => return bad("a representation"),
            };
            let is_enumeration = representation == Representation::Enumeration;
            let enumeration = usize::try_from(*enumeration).unwrap_or(usize::MAX);
            match enumerations.get(enumeration) {
                Some(all) if all.members.len() as i128 == maximum + 1 => {}
                None if !is_enumeration => {}
                _ => return bad("an enumeration"),
            }
            let low = (flags & 1 != 0).then_some(*minimum);
            let high = (flags & 2 != 0 || is_enumeration).then_some(*maximum);
            let narrow = |bound: Option<i128>| bound.is_some_and(|bound| i64::try_from(bound).is_ok());
            if representation == Representation::Offset && !(narrow(low) && narrow(high)) {
                return bad("an offset without bounds");
            }
            if high.is_some_and(|high| high >= 1 << 64) || low.is_some_and(|low| low < -(1 << 64)) {
                return bad("facets beyond 64 bits");
            }
            let bits = |value: i128| 128 - value.unsigned_abs().leading_zeros();
            let bounded = high.is_some() && low.is_some();
            Ok(Datatype {
                representation,
                width: small(i64::try_from(*width)?, if representation == Representation::Binary { 64 } else { 16 })?,
                minimum: low,
                maximum: high,
                low: low.map_or(i64::MIN, |low| i64::try_from(low).unwrap_or(i64::MIN)),
                high: high.map_or(i64::MAX, |high| i64::try_from(high).unwrap_or(i64::MAX)),
                base: *minimum,
                groups: if bounded {
                    bits(*maximum).max(bits(*minimum)).div_ceil(7).max(10)
                } else {
                    longest_integer / 7
                },
                longest_integer,
                shortest: usize::try_from(*shortest)?,
                longest: usize::try_from(*longest).ok(),
                enumeration,
            })
        })
        .collect()
}
