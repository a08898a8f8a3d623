//! The tables of one message set, read from `exi.tables.Tables` and checked once, so that no index fails later.

use std::collections::HashMap;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::error::{Outcome, corrupt};
use crate::plan::{Action, NO_FIELD, Place, Quick, Run, plan, reachable, run_of};

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
    /// Lowest value that needs no closer look.
    pub low: i64,
    /// Highest value that needs no closer look.
    pub high: i64,
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
    /// The first state's short form.
    pub place: Place,
    /// All its fields at once, where they are required and short.
    pub run: Option<Run>,
    /// Index of its namespace.
    pub uri: usize,
}

/// The members of an enumeration.
pub struct Enumeration {
    /// Members by code.
    pub members: Vec<Py<PyAny>>,
    /// Codes by member, or whatever equals one.
    pub codes: Py<PyDict>,
    /// The name of the class.
    pub name: String,
}

/// The event codes of a state, found by what is to be written.
#[derive(Clone, Copy)]
struct Shortcuts {
    /// The lowest field that the state takes.
    lowest: u16,
    /// Where the codes of it and the fields after it stand.
    first: u32,
    /// How many these are.
    count: u16,
    /// The code of the end.
    end: u8,
}

/// No such code.
const NO_CODE: u8 = u8::MAX;

/// Where fragments are found.
#[derive(Default)]
pub struct Fragments {
    /// Event codes by local name.
    pub by_name: HashMap<String, Vec<usize>>,
    /// Event codes by class.
    pub by_class: HashMap<usize, Vec<usize>>,
}

/// Hashes addresses.
#[derive(Clone, Copy, Default)]
pub struct Addresses(u64);

impl std::hash::BuildHasher for Addresses {
    type Hasher = Self;
    fn build_hasher(&self) -> Self {
        *self
    }
}

impl std::hash::Hasher for Addresses {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_usize(usize::from(*byte));
        }
    }
    fn write_usize(&mut self, address: usize) {
        self.0 = (self.0 ^ address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

fn class_key(place: &Place, class: usize) -> usize {
    (place.first as usize) << 32 | class
}

/// Everything an engine sees of a schema.
pub struct Tables {
    /// The name of the message set.
    pub name: String,
    states: Vec<State>,
    productions: Vec<Production>,
    quick: Vec<Quick>,
    codes_of_classes: HashMap<usize, usize, Addresses>,
    shortcuts: Vec<Shortcuts>,
    codes_of_fields: Vec<u8>,
    counters: Vec<Counter>,
    elements: Vec<Element>,
    attributes: Vec<Attribute>,
    datatypes: Vec<Datatype>,
    /// The classes.
    pub classes: Vec<Class>,
    enumerations: Vec<Enumeration>,
    members: Vec<Py<PyAny>>,
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
    pub by_class: HashMap<usize, usize, Addresses>,
    /// Event code of the document, by class.
    pub documents: Vec<Option<usize>>,
    /// Event codes of fragments, by local name and by class, in order.
    pub fragments: Fragments,
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

/// Tell whether a class takes all its fields by position: keyword-only ones are made more slowly.
fn is_positional(class: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(class.getattr("__match_args__")?.len()? == class.getattr("__struct_fields__")?.len()?)
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
        if local_names.len() != uris.len()
            || class_objects.len() != type_rows.len()
            || field_names.len() != type_rows.len()
        {
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
                Ok(Attribute { local: index(*local, texts.len())?, datatype: index(*datatype, datatypes.len())? })
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
        let states = state_rows
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
                })
            })
            .collect::<PyResult<Vec<_>>>()?;
        let mut classes = Vec::new();
        let mut by_class = HashMap::default();
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
                place: match states
                    .get(state_index(*start)?)
                    .and_then(|state| Place::of(state_index(*start).ok()?, state))
                {
                    Some(place) => place,
                    None => return bad("a state"),
                },
                run: None,
                uri: index(*uri, uris.len())?,
            });
        }
        let mut members: Vec<Py<PyAny>> = Vec::new();
        let mut first_members = Vec::new();
        for enumeration in &enumerations {
            first_members.push(members.len());
            members.extend(enumeration.members.iter().map(|member| member.clone_ref(py)));
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
            documents: Vec::new(),
            fragments: Fragments::default(),
            quick: plan(&states, &productions, &counters, &elements, &datatypes, &attributes, &classes, &first_members),
            codes_of_classes: HashMap::default(),
            shortcuts: Vec::new(),
            codes_of_fields: Vec::new(),
            members,
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
        for class in &mut read.classes {
            class.run = if class.positional { run_of(class, &read.quick) } else { None };
        }
        read.find_codes();
        for quick in &mut read.quick {
            let run = read.classes.get(quick.subject as usize).is_some_and(|class| class.run.is_some());
            if quick.action == Action::Class && run {
                quick.action = Action::Run;
            }
        }
        read.find_roots();
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
            for state in reachable(class.start, &self.states, &self.productions, &self.counters) {
                for production in self.productions.get(state.first..state.first + state.count).unwrap_or_default() {
                    if production.event != Event::End && production.field >= class.fields.len() {
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
            let place = self.place(state).ok();
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
                .map(|(code, quick)| (quick.subject as usize, code))
                .collect();
            if let Some(place) = &place {
                self.codes_of_classes.extend(classes.into_iter().map(|(class, code)| (class_key(place, class), code)));
            }
            self.shortcuts.push(Shortcuts { lowest, first: self.codes_of_fields.len() as u32, count, end });
            self.codes_of_fields.extend(codes);
        }
    }

    fn find_roots(&mut self) {
        let mut documents = vec![None; self.classes.len()];
        for (code, production) in self.productions_of(self.document_state).iter().enumerate() {
            if let (Event::Start, Some(element)) = (production.event, self.elements.get(production.index()))
                && let (Kind::Class(class), false) = (element.kind, element.is_abstract)
                && let Some(known) = documents.get_mut(class).filter(|known| known.is_none())
            {
                *known = Some(code);
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
        self.documents = documents;
        self.fragments = fragments;
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

    /// Code and short form of the production at the top of a word; None for a code that does not exist.
    ///
    /// The commonest code, 0, is a branch of its own: a predicted branch lets the processor go on to the next state,
    /// where an index that is computed from the data would make it wait for them.
    #[inline(always)]
    pub fn quick(&self, place: &Place, window: u64) -> Option<(usize, &Quick)> {
        let code = (window >> 1 >> (63 - u32::from(place.width))) as usize;
        if code == 0 {
            return Some((0, self.quick.get(place.first as usize)?));
        }
        self.other_quick(place, code)
    }

    #[inline(never)]
    fn other_quick(&self, place: &Place, code: usize) -> Option<(usize, &Quick)> {
        let known = code < usize::from(place.count);
        if known { Some((code, self.quick.get(place.first as usize + code)?)) } else { None }
    }

    /// The event code of the first production that takes the value of a field.
    #[inline(always)]
    pub fn code_of_field(&self, place: &Place, field: usize) -> Option<usize> {
        let shortcuts = self.shortcuts.get(place.state as usize)?;
        let offset = field.checked_sub(shortcuts.lowest.into()).filter(|offset| *offset < shortcuts.count.into())?;
        let code = *self.codes_of_fields.get(shortcuts.first as usize + offset)?;
        (code != NO_CODE).then_some(code.into())
    }

    /// The event code of the end.
    #[inline(always)]
    pub fn code_of_end(&self, place: &Place) -> Option<usize> {
        let code = self.shortcuts.get(place.state as usize)?.end;
        (code != NO_CODE).then_some(code.into())
    }

    /// The event code of the element of a class.
    #[inline]
    pub fn code_of_class(&self, place: &Place, class: usize) -> Option<usize> {
        self.codes_of_classes.get(&class_key(place, class)).copied()
    }

    /// The short form of a state's production.
    #[inline(always)]
    pub fn quick_at(&self, place: &Place, code: usize) -> Option<&Quick> {
        self.quick.get(place.first as usize + code)
    }

    /// A member of an enumeration, counted among all members.
    #[inline(always)]
    pub fn member(&self, index: usize) -> Outcome<&Py<PyAny>> {
        self.members.get(index).ok_or_else(corrupt)
    }

    /// The short form of a state.
    pub fn place(&self, state: usize) -> Outcome<Place> {
        Place::of(state, self.state(state)?).ok_or_else(corrupt)
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
                    crate::reader::MAX_INTEGER_GROUPS
                },
                shortest: usize::try_from(*shortest)?,
                longest: usize::try_from(*longest).ok(),
                enumeration,
            })
        })
        .collect()
}
