//! The tables of one message set as the engine walks them.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::error::{Outcome, corrupt};
use crate::plan::{Action, Place, Quick, Run};
use crate::shared::Shared;

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
    State(u32),
    /// One of three states of a counter.
    Counter(u32),
}

/// A place in a type's grammar.
#[derive(Clone, Copy, Debug)]
pub struct State {
    pub(crate) first: u32,
    pub(crate) count: u32,
    pub(crate) counter: u32,
    pub(crate) width: u8,
    pub(crate) second_width: u8,
}

impl State {
    /// How many productions there are.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// Where they stand.
    pub fn productions(&self) -> std::ops::Range<usize> {
        self.first as usize..self.first as usize + self.count as usize
    }

    /// Bits of an event code.
    pub fn width(&self) -> u32 {
        self.width.into()
    }

    /// Bits of a second-level code.
    pub fn second_width(&self) -> u32 {
        self.second_width.into()
    }
}

/// One event that a state admits.
#[derive(Clone, Copy, Debug)]
pub struct Production {
    /// The kind.
    pub event: Event,
    /// What follows.
    pub next: Next,
    /// Index of an element, attribute, datatype, wildcard kind or relaxed element; negative: none.
    pub subject: i32,
    pub(crate) field: u16,
}

impl Production {
    /// The index of what the event is about.
    pub fn index(&self) -> usize {
        self.subject.max(0) as usize
    }

    /// The field that holds the value.
    pub fn field(&self) -> usize {
        self.field.into()
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
    /// Why it may not occur: index in `Tables::refusals`; 0: it may.
    pub refusal: usize,
}

/// The refusal that the schema gives: the element or its type is abstract. Others are those of a profile.
pub const ABSTRACT: usize = 1;

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
    /// Most bits of an integer, whatever its facets are.
    pub longest_integer: u32,
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
pub(crate) struct Shortcuts {
    /// The lowest field that the state takes.
    pub(crate) lowest: u16,
    /// Where the codes of it and the fields after it stand.
    pub(crate) first: u32,
    /// How many these are.
    pub(crate) count: u16,
    /// The code of the end.
    pub(crate) end: u8,
}

/// No such code.
pub(crate) const NO_CODE: u8 = u8::MAX;

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

/// A class and the place where its element may stand, as one number. Whoever finds something by it looks whether it is
/// what was meant.
pub(crate) fn type_key(place: &Place, address: usize) -> usize {
    address.wrapping_add((place.first as usize).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as usize))
}

/// Everything an engine sees of a schema.
pub struct Tables {
    /// The name of the message set.
    pub name: String,
    /// Why elements may not occur.
    pub refusals: Vec<String>,
    /// The profile that the tables were made with; empty: none.
    pub profile: String,
    /// Strings are ASCII.
    pub ascii_only: bool,
    /// Empty values are written as characters of length zero, and read as nothing else.
    pub empty_as_text: bool,
    pub(crate) states: Vec<State>,
    pub(crate) places: Vec<Place>,
    pub(crate) productions: Vec<Production>,
    pub(crate) quick: Vec<Quick>,
    pub(crate) codes_of_types: HashMap<usize, usize, Addresses>,
    pub(crate) shortcuts: Vec<Shortcuts>,
    pub(crate) codes_of_fields: Vec<u8>,
    pub(crate) counters: Vec<Counter>,
    pub(crate) elements: Vec<Element>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) datatypes: Vec<Datatype>,
    /// The classes.
    pub classes: Vec<Class>,
    pub(crate) enumerations: Vec<Enumeration>,
    /// What short values stand for.
    pub shared: Shared,
    pub(crate) relaxed: Vec<Vec<usize>>,
    pub(crate) strings: Vec<Py<PyString>>,
    pub(crate) texts: Vec<String>,
    pub(crate) uri_strings: Vec<Py<PyString>>,
    /// The namespaces.
    pub uris: Vec<String>,
    /// The initial local-name partition of each namespace.
    pub local_names: Vec<Vec<String>>,
    /// Elements of the document's top level by (URI index, local name).
    pub globals: HashMap<(usize, String), usize>,
    /// Classes by the address of the class object, which lives as long as this.
    pub by_class: HashMap<usize, usize, Addresses>,
    /// Event code and element of the document, by class.
    pub documents: Vec<Option<(usize, usize)>>,
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

impl Tables {
    /// A state's productions.
    pub fn productions_of(&self, state: usize) -> &[Production] {
        self.states.get(state).and_then(|state| self.productions.get(state.productions())).unwrap_or_default()
    }

    /// A state.
    #[inline(always)]
    pub fn state(&self, state: usize) -> Outcome<&State> {
        self.states.get(state).ok_or_else(corrupt)
    }

    /// A state's production of a code below its count.
    #[inline(always)]
    pub fn production(&self, state: &State, code: usize) -> Outcome<&Production> {
        self.productions.get(state.first as usize + code).ok_or_else(corrupt)
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

    /// Code and short form of the first production that takes the value of a field.
    ///
    /// As when reading, the commonest code is a branch: where a field is required, or stands first among optional ones,
    /// nothing needs to be looked up.
    #[inline(always)]
    pub fn quick_of_field(&self, place: &Place, field: usize) -> Option<(usize, &Quick)> {
        let first = self.quick.get(place.first as usize)?;
        if usize::from(first.field) == field {
            return Some((0, first));
        }
        let code = self.code_of_field(place, field)?;
        Some((code, self.quick_at(place, code)?))
    }

    /// The event code of the end.
    #[inline(always)]
    pub fn code_of_end(&self, place: &Place) -> Option<usize> {
        if self.quick.get(place.first as usize)?.action == Action::End {
            return Some(0);
        }
        let code = self.shortcuts.get(place.state as usize)?.end;
        (code != NO_CODE).then_some(code.into())
    }

    /// The event code of the element of the class at an address.
    #[inline]
    pub fn code_of_type(&self, place: &Place, address: usize) -> Option<usize> {
        self.codes_of_types.get(&type_key(place, address)).copied()
    }

    /// The short form of a state's production.
    #[inline(always)]
    pub fn quick_at(&self, place: &Place, code: usize) -> Option<&Quick> {
        self.quick.get(place.first as usize + code)
    }

    /// The short form of a state.
    pub fn place(&self, state: usize) -> Outcome<&Place> {
        self.places.get(state).filter(|place| place.count > 0).ok_or_else(corrupt)
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

    /// Why an element may not occur.
    #[cold]
    pub fn refusal(&self, element: &Element) -> &str {
        self.refusals.get(element.refusal).map_or("", String::as_str)
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
            Next::State(next) => Ok((Some(next as usize), 0)),
            Next::Nothing => Ok((None, 0)),
            Next::Counter(index) => {
                let counter = self.counter(index as usize)?;
                let count = if state.counter == index { count + 1 } else { 1 };
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
