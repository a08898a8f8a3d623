//! The tables of one message set, read from `exi.tables.Tables` and checked once, so that no index fails later.

use std::collections::HashMap;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::error::{Outcome, corrupt};

/// The kinds of productions, numbered as in `exi.grammar.Event`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// An attribute.
    Attribute,
    /// A named element.
    Start,
    /// An element that a wildcard admits.
    StartAny,
    /// The end of the element.
    End,
    /// Characters.
    Text,
    /// A fragment's element with several types.
    RelaxedStart,
}

/// How a field of a class holds its values, numbered as in `exi.grammar.Mode`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
pub enum Mode {
    /// One value.
    Required,
    /// One value or None.
    Optional,
    /// A list of values.
    List,
    /// A list of `Item` and `str`.
    Content,
}

/// How a simple value is written, numbered as in `exi.tables.Representation`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Representation {
    /// One bit.
    Boolean,
    /// The index of a member.
    Enumeration,
    /// The distance from the minimum.
    Offset,
    /// Groups of seven bits.
    Unsigned,
    /// A sign, then groups of seven bits.
    Signed,
    /// A length, then code points.
    Text,
    /// A length, then bytes.
    Binary,
}

/// What follows an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// The element is over.
    Nothing,
    /// A state.
    State(usize),
    /// One of three states of a counter.
    Counter(usize),
}

/// A place in a type's grammar.
#[derive(Clone, Copy, Debug)]
pub struct State {
    /// Index of the first production.
    pub first: usize,
    /// How many productions there are.
    pub count: usize,
    /// Bits of an event code.
    pub width: u32,
    /// Bits of a second-level code.
    pub second_width: u32,
    /// The counter that this state belongs to.
    pub counter: Option<usize>,
    /// What stands here when nothing else can.
    pub only: Option<Only>,
}

/// A state's only production, where it is an element of a simple type with a fixed number of bits: event code,
/// characters, value and end are then one read and one write.
#[derive(Clone, Copy, Debug)]
pub struct Only {
    /// Bits of the value.
    pub value_width: u32,
    /// Bits of the whole.
    pub width: u32,
    /// The bits that are zero.
    pub zeros: u64,
    /// The datatype.
    pub datatype: usize,
    /// The field.
    pub field: usize,
    /// The state that follows.
    pub next: usize,
}

/// One event that a state admits.
#[derive(Clone, Copy, Debug)]
pub struct Production {
    /// The kind.
    pub event: Event,
    /// Index of an element, attribute, datatype, wildcard kind or relaxed element; negative: none.
    pub subject: i64,
    /// The field that holds the value.
    pub field: usize,
    /// What follows.
    pub next: Next,
}

impl Production {
    /// The index of what the event is about.
    pub fn index(&self) -> usize {
        self.subject.max(0) as usize
    }
}

/// Bounded repetition.
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    /// Fewest items.
    pub minimum: usize,
    /// Most items.
    pub maximum: Option<usize>,
    /// State while there are too few.
    pub below: usize,
    /// State while there may be more.
    pub within: usize,
    /// State once there are enough.
    pub full: usize,
}

/// The type of an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A class.
    Class(usize),
    /// A datatype.
    Simple(usize),
}

/// An element declaration.
#[derive(Clone, Copy, Debug)]
pub struct Element {
    /// Index of the local name in the strings.
    pub local: usize,
    /// Index of the URI.
    pub uri: usize,
    /// Its type.
    pub kind: Kind,
    /// It may not occur, only its substitutes.
    pub is_abstract: bool,
}

/// An attribute declaration.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Index of the local name in the strings.
    pub local: usize,
    /// The datatype.
    pub datatype: usize,
}

/// A simple type and its facets.
#[derive(Clone, Copy, Debug)]
pub struct Datatype {
    /// How it is written.
    pub representation: Representation,
    /// Bits of a value of fixed width.
    pub width: u32,
    /// Lowest value.
    pub minimum: Option<i128>,
    /// Highest value.
    pub maximum: Option<i128>,
    /// What an offset is counted from.
    pub base: i128,
    /// Most 7-bit groups of an integer.
    pub groups: u32,
    /// Fewest characters or bytes.
    pub shortest: usize,
    /// Most characters or bytes.
    pub longest: Option<usize>,
    /// Index of the enumeration.
    pub enumeration: usize,
}

/// One field of a class.
pub struct Field {
    /// How it holds values.
    pub mode: Mode,
    /// Its Python name, interned.
    pub name: Py<PyString>,
}

/// A message class.
pub struct Class {
    /// The class itself.
    pub class: Py<PyAny>,
    /// Its name.
    pub name: String,
    /// It takes its fields by position.
    pub positional: bool,
    /// Its fields in the order of the class.
    pub fields: Vec<Field>,
    /// The field names.
    pub names: Py<PyTuple>,
    /// Indexes of the fields that hold lists.
    pub lists: Vec<usize>,
    /// Indexes of the fields in the order of writing.
    pub order: Vec<usize>,
    /// First state.
    pub start: usize,
    /// Index of its namespace.
    pub uri: usize,
}

/// The members of an enumeration.
pub struct Enumeration {
    /// Members by code.
    pub members: Vec<Py<PyAny>>,
    /// Codes by member, or whatever equals one.
    pub codes: Py<PyDict>,
    /// Codes by text, where every member is a string.
    pub texts: HashMap<Box<[u8]>, u64>,
    /// The name of the class.
    pub name: String,
}

/// Everything an engine sees of a schema.
pub struct Tables {
    /// The name of the message set.
    pub name: String,
    states: Vec<State>,
    productions: Vec<Production>,
    counters: Vec<Counter>,
    elements: Vec<Element>,
    attributes: Vec<Attribute>,
    datatypes: Vec<Datatype>,
    /// The classes.
    pub classes: Vec<Class>,
    enumerations: Vec<Enumeration>,
    relaxed: Vec<Vec<usize>>,
    strings: Vec<Py<PyString>>,
    texts: Vec<String>,
    uri_strings: Vec<Py<PyString>>,
    /// The namespaces.
    pub uris: Vec<String>,
    /// The initial local-name partition of each namespace.
    pub local_names: Vec<Vec<String>>,
    /// Elements of the document's top level by (URI index, local name).
    pub globals: HashMap<(usize, String), usize>,
    /// Classes by the address of the class object, which lives as long as this.
    pub by_class: HashMap<usize, usize>,
    /// Top-level state of a document.
    pub document_state: usize,
    /// Top-level state of a fragment.
    pub fragment_state: usize,
    /// First state of the element fragment grammar.
    pub relaxed_start_state: usize,
    /// Its later state.
    pub relaxed_content_state: usize,
}

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

fn small(value: i64, limit: u32) -> PyResult<u32> {
    match u32::try_from(value) {
        Ok(width) if width <= limit => Ok(width),
        _ => bad(ROWS),
    }
}

fn strings(sequence: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    sequence.extract()
}

fn interned(py: Python<'_>, texts: &[String]) -> Vec<Py<PyString>> {
    texts.iter().map(|text| PyString::intern(py, text).unbind()).collect()
}

/// Tell whether a class takes its fields by position: keyword-only ones are made more slowly.
fn is_positional(class: &Bound<'_, PyAny>) -> PyResult<bool> {
    let inspect = class.py().import("inspect")?;
    let keyword_only = inspect.getattr("Parameter")?.getattr("KEYWORD_ONLY")?;
    let parameters = inspect.call_method1("signature", (class,))?.getattr("parameters")?;
    for parameter in parameters.call_method0("values")?.try_iter()? {
        if parameter?.getattr("kind")?.eq(&keyword_only)? {
            return Ok(false);
        }
    }
    Ok(true)
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
        let texts = strings(&tables.getattr("strings")?)?;
        let uris = strings(&tables.getattr("uris")?)?;
        let local_names: Vec<Vec<String>> = tables.getattr("local_names")?.extract()?;
        let enumerations = read_enumerations(&tables.getattr("enumerations")?)?;
        let datatypes = read_datatypes(&tables.getattr("datatypes")?, &enumerations)?;
        let class_objects: Vec<Bound<'_, PyAny>> = tables.getattr("classes")?.extract()?;
        let field_names: Vec<Vec<String>> = tables.getattr("field_names")?.extract()?;
        if local_names.len() != uris.len() || class_objects.len() != type_rows.len() || field_names.len() != type_rows.len() {
            return bad("lengths differ");
        }
        let state_index = |value: i64| index(value, state_rows.len());

        let counters = counter_rows
            .iter()
            .map(|[minimum, maximum, below, within, full]| {
                Ok(Counter {
                    minimum: usize::try_from(*minimum)?,
                    maximum: usize::try_from(*maximum).ok(),
                    below: state_index(*below)?,
                    within: state_index(*within)?,
                    full: state_index(*full)?,
                })
            })
            .collect::<PyResult<Vec<_>>>()?;
        let elements = element_rows
            .iter()
            .map(|[local, uri, kind, is_abstract]| {
                Ok(Element {
                    local: index(*local, texts.len())?,
                    uri: index(*uri, uris.len())?,
                    kind: if *kind < 0 {
                        Kind::Simple(index(-1 - *kind, datatypes.len())?)
                    } else {
                        Kind::Class(index(*kind, type_rows.len())?)
                    },
                    is_abstract: *is_abstract != 0,
                })
            })
            .collect::<PyResult<Vec<_>>>()?;
        let attributes = attribute_rows
            .iter()
            .map(|[local, uri, datatype]| {
                index(*uri, uris.len())?;
                Ok(Attribute {
                    local: index(*local, texts.len())?,
                    datatype: index(*datatype, datatypes.len())?,
                })
            })
            .collect::<PyResult<Vec<_>>>()?;
        let relaxed = relaxed_rows
            .iter()
            .map(|[first, count]| {
                let first = usize::try_from(*first)?;
                let all = candidates.get(first..first.saturating_add(usize::try_from(*count)?));
                match all {
                    Some(all) if !all.is_empty() => all.iter().map(|element| index(*element, elements.len())).collect(),
                    _ => bad("candidates"),
                }
            })
            .collect::<PyResult<Vec<Vec<usize>>>>()?;
        let productions = production_rows
            .iter()
            .map(|[event, subject, field, next]| {
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
                    Event::Attribute if *subject >= 0 => drop(index(*subject, attributes.len())?),
                    Event::Start => drop(index(*subject, elements.len())?),
                    Event::Text => drop(index(*subject, datatypes.len())?),
                    Event::RelaxedStart => drop(index(*subject, relaxed.len())?),
                    _ => {}
                }
                Ok(Production {
                    event,
                    subject: *subject,
                    field: usize::try_from(*field).unwrap_or(usize::MAX),
                    next: match *next {
                        -1 => Next::Nothing,
                        state if state >= 0 => Next::State(state_index(state)?),
                        counter => Next::Counter(index(-2 - counter, counters.len())?),
                    },
                })
            })
            .collect::<PyResult<Vec<_>>>()?;
        let mut states = state_rows
            .iter()
            .map(|[first, count, width, second_width, counter]| {
                let first = usize::try_from(*first)?;
                let count = usize::try_from(*count)?;
                if productions.get(first..first.saturating_add(count)).is_none() {
                    return bad("a state's productions");
                }
                Ok(State {
                    first,
                    count,
                    width: small(*width, 32)?,
                    second_width: small(*second_width, 32)?,
                    counter: if *counter < 0 { None } else { Some(index(*counter, counters.len())?) },
                    only: None,
                })
            })
            .collect::<PyResult<Vec<_>>>()?;
        for state in &mut states {
            state.only = only(state, &productions, &elements, &datatypes);
        }
        let mut classes = Vec::new();
        let mut by_class = HashMap::new();
        for ((class, names), [start, first_field, field_count, first_order, order_count, uri]) in
            class_objects.iter().zip(&field_names).zip(&type_rows)
        {
            let first_field = usize::try_from(*first_field)?;
            let field_count = usize::try_from(*field_count)?;
            let first_order = usize::try_from(*first_order)?;
            let Some(modes) = field_rows.get(first_field..first_field.saturating_add(field_count)) else {
                return bad("fields");
            };
            let Some(order) = order.get(first_order..first_order.saturating_add(usize::try_from(*order_count)?)) else {
                return bad("order");
            };
            if modes.len() != names.len() {
                return bad("field names");
            }
            let fields = modes
                .iter()
                .zip(names)
                .map(|([mode, _], name)| {
                    Ok(Field {
                        mode: match mode {
                            0 => Mode::Required,
                            1 => Mode::Optional,
                            2 => Mode::List,
                            3 => Mode::Content,
                            _ => return bad("a mode"),
                        },
                        name: PyString::intern(py, name).unbind(),
                    })
                })
                .collect::<PyResult<Vec<_>>>()?;
            by_class.insert(class.as_ptr() as usize, classes.len());
            classes.push(Class {
                class: class.clone().unbind(),
                name: class.getattr("__name__")?.extract()?,
                positional: is_positional(class)?,
                names: PyTuple::new(py, fields.iter().map(|field| field.name.bind(py)))?.unbind(),
                lists: (0..fields.len())
                    .filter(|index| fields.get(*index).is_some_and(|field: &Field| field.mode >= Mode::List))
                    .collect(),
                order: order.iter().map(|field| index(*field, fields.len())).collect::<PyResult<_>>()?,
                fields,
                start: state_index(*start)?,
                uri: index(*uri, uris.len())?,
            });
        }
        let top = |name: &str| state_index(tables.getattr(name)?.extract()?);
        let document_state = top("document_state")?;
        let mut read = Tables {
            name: tables.getattr("name")?.extract()?,
            document_state,
            fragment_state: top("fragment_state")?,
            relaxed_start_state: top("relaxed_start_state")?,
            relaxed_content_state: top("relaxed_content_state")?,
            strings: interned(py, &texts),
            uri_strings: interned(py, &uris),
            globals: HashMap::new(),
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
        read.globals = read
            .productions_of(document_state)
            .iter()
            .filter(|production| production.event == Event::Start)
            .filter_map(|production| {
                let element = read.elements.get(production.index())?;
                Some(((element.uri, read.texts.get(element.local)?.clone()), production.index()))
            })
            .collect();
        Ok(read)
    }

    /// Every production that is reached from a class names one of its fields.
    fn check_fields(&self) -> PyResult<()> {
        for class in &self.classes {
            let mut waiting = vec![class.start];
            let mut seen = vec![false; self.states.len()];
            while let Some(state) = waiting.pop() {
                match seen.get_mut(state) {
                    Some(known) if !*known => *known = true,
                    _ => continue,
                }
                for production in self.productions_of(state) {
                    if production.event != Event::End && production.field >= class.fields.len() {
                        return bad("a production's field");
                    }
                    match production.next {
                        Next::Nothing => {}
                        Next::State(next) => waiting.push(next),
                        Next::Counter(counter) => {
                            if let Some(counter) = self.counters.get(counter) {
                                waiting.extend([counter.below, counter.within, counter.full]);
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// A state's productions.
    pub fn productions_of(&self, state: usize) -> &[Production] {
        self.states
            .get(state)
            .and_then(|state| self.productions.get(state.first..state.first + state.count))
            .unwrap_or_default()
    }

    /// A state.
    #[inline(always)]
    pub fn state(&self, state: usize) -> Outcome<&State> {
        self.states.get(state).ok_or_else(corrupt)
    }

    /// A state's production of a code below its count.
    #[inline(always)]
    pub fn production(&self, state: &State, code: usize) -> Outcome<&Production> {
        self.productions.get(state.first + code).ok_or_else(corrupt)
    }

    /// A counter.
    #[inline(always)]
    pub fn counter(&self, counter: usize) -> Outcome<&Counter> {
        self.counters.get(counter).ok_or_else(corrupt)
    }

    /// An element declaration.
    #[inline(always)]
    pub fn element(&self, element: usize) -> Outcome<&Element> {
        self.elements.get(element).ok_or_else(corrupt)
    }

    /// An attribute declaration.
    #[inline(always)]
    pub fn attribute(&self, attribute: usize) -> Outcome<&Attribute> {
        self.attributes.get(attribute).ok_or_else(corrupt)
    }

    /// A datatype.
    #[inline(always)]
    pub fn datatype(&self, datatype: usize) -> Outcome<&Datatype> {
        self.datatypes.get(datatype).ok_or_else(corrupt)
    }

    /// A class.
    #[inline(always)]
    pub fn class(&self, class: usize) -> Outcome<&Class> {
        self.classes.get(class).ok_or_else(corrupt)
    }

    /// The members of an enumeration.
    #[inline(always)]
    pub fn enumeration(&self, enumeration: usize) -> Outcome<&Enumeration> {
        self.enumerations.get(enumeration).ok_or_else(corrupt)
    }

    /// The declarations that a relaxed fragment element may mean.
    pub fn candidates(&self, relaxed: usize) -> &[usize] {
        self.relaxed.get(relaxed).map(Vec::as_slice).unwrap_or_default()
    }

    /// The local name of an element.
    pub fn local(&self, element: usize) -> &str {
        self.elements.get(element).and_then(|element| self.texts.get(element.local)).map_or("", String::as_str)
    }

    /// The local name of an attribute.
    pub fn attribute_local(&self, attribute: usize) -> &str {
        self.attributes.get(attribute).and_then(|attribute| self.texts.get(attribute.local)).map_or("", String::as_str)
    }

    /// Local name and URI of an element, as Python has them.
    pub fn name_of(&self, element: usize) -> Outcome<(&Py<PyString>, &Py<PyString>)> {
        let element = self.element(element)?;
        let local = self.strings.get(element.local).ok_or_else(corrupt)?;
        Ok((local, self.uri_strings.get(element.uri).ok_or_else(corrupt)?))
    }

    /// The state after an item, and how many items of a counted particle there are now.
    #[inline(always)]
    pub fn follow(&self, state: &State, next: Next, count: usize) -> Outcome<(Option<usize>, usize)> {
        match next {
            Next::State(next) => Ok((Some(next), 0)),
            Next::Nothing => Ok((None, 0)),
            Next::Counter(index) => {
                let counter = self.counter(index)?;
                let count = if state.counter == Some(index) { count + 1 } else { 1 };
                let next = if count < counter.minimum {
                    counter.below
                } else if counter.maximum == Some(count) {
                    counter.full
                } else {
                    counter.within
                };
                Ok((Some(next), count))
            }
        }
    }
}

fn only(state: &State, productions: &[Production], elements: &[Element], datatypes: &[Datatype]) -> Option<Only> {
    let production = productions.get(state.first)?;
    if state.count != 1 || state.width != 1 || production.event != Event::Start {
        return None;
    }
    let element = elements.get(production.index())?;
    let (Kind::Simple(datatype), Next::State(next), false) = (element.kind, production.next, element.is_abstract) else {
        return None;
    };
    let row = datatypes.get(datatype)?;
    match row.representation {
        Representation::Boolean | Representation::Enumeration | Representation::Offset => {}
        _ => return None,
    }
    let width = row.width + 3;
    Some(Only {
        value_width: row.width,
        width,
        zeros: 0b11 << (width - 2) | 1,
        datatype,
        field: production.field,
        next,
    })
}

fn read_enumerations(sequence: &Bound<'_, PyAny>) -> PyResult<Vec<Enumeration>> {
    let mut found = Vec::new();
    for enumeration in sequence.try_iter()? {
        let mut members = Vec::new();
        let mut texts = HashMap::new();
        let codes = PyDict::new(sequence.py());
        let mut name = String::new();
        for member in enumeration?.try_iter()? {
            let member = member?;
            if members.is_empty() {
                name = member.get_type().getattr("__name__")?.extract()?;
            }
            codes.set_item(&member, members.len())?;
            if let Ok(text) = member.cast::<PyString>() {
                texts.insert(text.to_str()?.as_bytes().into(), members.len() as u64);
            }
            members.push(member.unbind());
        }
        found.push(Enumeration { members, codes: codes.unbind(), texts, name });
    }
    Ok(found)
}

fn read_datatypes(sequence: &Bound<'_, PyAny>, enumerations: &[Enumeration]) -> PyResult<Vec<Datatype>> {
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
            let high = (flags & 2 != 0).then_some(*maximum);
            if representation == Representation::Offset && (low.is_none() || high.is_none()) {
                return bad("an offset without bounds");
            }
            if high.is_some_and(|high| high >= 1 << 64) || low.is_some_and(|low| low < -(1 << 64)) {
                return bad("facets beyond 64 bits");
            }
            let bits = |value: i128| 128 - value.unsigned_abs().leading_zeros();
            let bounded = high.is_some() && (low.is_some() || *minimum >= 0);
            Ok(Datatype {
                representation,
                width: small(i64::try_from(*width)?, if representation == Representation::Binary { 64 } else { 16 })?,
                minimum: low,
                maximum: high,
                base: *minimum,
                groups: if bounded {
                    bits(*maximum).max(bits(*minimum)).div_ceil(7).max(10)
                } else {
                    crate::reader::MAX_INTEGER_GROUPS
                },
                shortest: usize::try_from(*shortest)?,
                longest: usize::try_from(*longest).ok(),
                enumeration,
            })
        })
        .collect()
}
