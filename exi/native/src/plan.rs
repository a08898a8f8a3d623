//! What every production comes down to, worked out once: the engines' short cuts.
//!
//! A state's event code, the start of characters, a short value and the end of the element are then one read or one
//! write. Whatever a short cut does not cover, and every error, is left to the plain walk, which starts where the short
//! cut stood.

use crate::shared::Shared;
use crate::tables::{Class, Counter, Datatype, Element, Event, Kind, Mode, Next, Production, Representation, State};

/// What a production comes down to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Nothing short: wildcards, mixed content, abstract elements, counted repetition.
    Plain,
    /// The end of the element.
    End,
    /// An element that holds one of a few objects, `Quick::subject` being the first: a truth value, a member.
    Member,
    /// The same with small integers.
    Small,
    /// An element that holds another integer of fixed width.
    Offset,
    /// An element that holds an unsigned integer of any width.
    Unsigned,
    /// An element that holds a signed integer of any width.
    Signed,
    /// An element that holds a string or binary of datatype `Quick::subject`.
    Long,
    /// An element of class `Quick::subject`.
    Class,
    /// The same, where the class is a [`Run`].
    Run,
    /// An attribute of datatype `Quick::subject`.
    Attribute,
    /// The text of datatype `Quick::subject`.
    Text,
}

/// The short form of a production.
#[derive(Clone, Copy, Debug)]
pub struct Quick {
    /// What to do.
    pub action: Action,
    /// Bits of a value of fixed width.
    pub width: u8,
    /// Bits behind the value: the end of the element, and that of its parent where nothing else can follow.
    pub tail: u8,
    /// The field that takes the value.
    pub field: u16,
    /// What the action is about: a class, a datatype, or the first of the objects in [`Shared`].
    pub subject: u32,
    /// The last code of one of these objects.
    pub last: u32,
    /// The datatype.
    pub datatype: u32,
    /// Bits that are zero around a value of fixed width.
    pub zeros: u32,
    /// What follows.
    pub next: Place,
    /// Lowest value; codes of fixed width are counted from it.
    pub low: i64,
    /// Highest value.
    pub high: i64,
}

/// What the short cuts need to know of a state.
#[derive(Clone, Copy, Default, Debug)]
pub struct Place {
    /// The state.
    pub state: u32,
    /// Index of its first production.
    pub first: u32,
    /// How many productions there are.
    pub count: u16,
    /// Bits of an event code.
    pub width: u8,
}

impl Place {
    /// The short form of a state; a state that admits nothing has none.
    pub fn of(index: usize, state: &State) -> Option<Self> {
        (state.count > 0).then_some(())?;
        Some(Place {
            state: u32::try_from(index).ok()?,
            first: state.first,
            count: u16::try_from(state.count).ok()?,
            width: state.width,
        })
    }
}

/// A class all of whose fields are required and short: a physical value, say. It is read from one word.
#[derive(Clone, Debug)]
pub struct Run {
    /// The bits that are zero, from the top of the word.
    pub zeros: u64,
    /// Bits up to the end of the class, or up to the groups of its last field.
    pub width: u32,
    /// The fields.
    pub fields: Vec<RunField>,
    /// The last field is an integer of any width.
    pub groups: bool,
}

/// One field of a [`Run`].
#[derive(Clone, Copy, Debug)]
pub struct RunField {
    /// What it holds.
    pub action: Action,
    /// Where its bits are: how far they stand from the low end of the word.
    pub shift: u8,
    /// As many ones as it has bits.
    pub mask: u64,
    /// As in [`Quick`].
    pub subject: u32,
    /// As in [`Quick`].
    pub last: u32,
    /// As in [`Quick`].
    pub low: i64,
    /// As in [`Quick`].
    pub high: i64,
}

/// Most bits before the groups of an integer of any width, and of the two ends behind them: three groups fit the word then.
pub const MAX_RUN: u32 = 30;

/// Work out whether a class is a run.
pub fn run_of(class: &Class, plan: &[Quick]) -> Option<Run> {
    let mut run = Run { zeros: 0, width: 0, fields: Vec::new(), groups: false };
    let mut place = class.place;
    loop {
        let quick = plan.get(place.first as usize)?;
        let tail = u32::from(quick.tail);
        if place.count != 1 || place.width != 1 || usize::from(quick.field) != run.fields.len() {
            return None;
        }
        let value_width = match quick.action {
            Action::Member | Action::Small => u32::from(quick.width),
            Action::Signed => 1,
            Action::Unsigned => 0,
            _ => return None,
        };
        let end = run.width + 2 + value_width;
        if end + tail > MAX_RUN {
            return None;
        }
        run.groups = matches!(quick.action, Action::Signed | Action::Unsigned);
        run.zeros |= 0b11 << (62 - run.width);
        run.fields.push(RunField {
            action: quick.action,
            shift: u8::try_from(64 - end).ok()?,
            mask: (1 << value_width) - 1,
            subject: quick.subject,
            last: quick.last,
            low: quick.low,
            high: quick.high,
        });
        run.width = end;
        if !run.groups {
            run.zeros |= ((1 << tail) - 1) << (64 - end - tail);
            run.width += tail;
        }
        if tail == 2 {
            return (run.fields.len() == class.fields.len()).then_some(run);
        }
        if run.groups {
            return None;
        }
        place = quick.next;
    }
}

/// The field of a production that none takes the value of, or that is not short.
pub const NO_FIELD: u16 = u16::MAX;

const PLAIN: Quick = Quick {
    action: Action::Plain,
    width: 0,
    tail: 0,
    field: NO_FIELD,
    subject: 0,
    last: 0,
    datatype: 0,
    zeros: 0,
    next: Place { state: 0, first: 0, count: 0, width: 0 },
    low: 0,
    high: 0,
};

/// Work out the short forms of all productions.
#[allow(clippy::too_many_arguments)] // the tables, one by one, while they are being made
pub fn plan(
    states: &[State],
    productions: &[Production],
    counters: &[Counter],
    elements: &[Element],
    datatypes: &[Datatype],
    attributes: &[crate::tables::Attribute],
    classes: &[Class],
    shared: &Shared,
) -> Vec<Quick> {
    let mut plan = vec![PLAIN; productions.len()];
    for class in classes {
        for state in reachable(class.start, states, productions, counters) {
            let range = state.productions();
            let (Some(quick), Some(own)) = (plan.get_mut(range.clone()), productions.get(range)) else { continue };
            for (quick, production) in quick.iter_mut().zip(own) {
                let single = class.fields.get(production.field()).is_some_and(|field| field.mode < Mode::List);
                *quick = short_form(production, single, states, productions, elements, datatypes, attributes, shared)
                    .unwrap_or(PLAIN);
            }
        }
    }
    plan
}

/// All states that a class's content can be in.
pub fn reachable<'s>(
    start: usize,
    states: &'s [State],
    productions: &[Production],
    counters: &[Counter],
) -> Vec<&'s State> {
    let mut seen = vec![false; states.len()];
    let mut waiting = vec![start];
    let mut found = Vec::new();
    while let Some(index) = waiting.pop() {
        match seen.get_mut(index) {
            Some(known) if !*known => *known = true,
            _ => continue,
        }
        let Some(state) = states.get(index) else { continue };
        found.push(state);
        for production in productions.get(state.productions()).unwrap_or_default() {
            match production.next {
                Next::State(next) => waiting.push(next as usize),
                Next::Counter(counter) => {
                    if let Some(counter) = counters.get(counter as usize) {
                        waiting.extend([counter.below, counter.within, counter.full]);
                    }
                }
                Next::Nothing => {}
            }
        }
    }
    found
}

#[allow(clippy::too_many_arguments)] // the tables, one by one, while they are being made
fn short_form(
    production: &Production,
    single: bool,
    states: &[State],
    productions: &[Production],
    elements: &[Element],
    datatypes: &[Datatype],
    attributes: &[crate::tables::Attribute],
    shared: &Shared,
) -> Option<Quick> {
    if production.event == Event::End {
        return Some(Quick { action: Action::End, ..PLAIN });
    }
    let Next::State(next) = production.next else { return None };
    let next = next as usize;
    if !single {
        return None;
    }
    let following = states.get(next)?;
    let last = following.count == 1
        && following.width == 1
        && productions.get(following.first as usize).is_some_and(|production| production.event == Event::End);
    let mut quick = Quick {
        field: Some(production.field).filter(|field| *field < NO_FIELD)?,
        next: Place::of(next, following)?,
        tail: 1 + u8::from(last),
        ..PLAIN
    };
    let subject = match production.event {
        Event::Attribute if production.subject >= 0 => {
            quick.action = Action::Attribute;
            let datatype = attributes.get(production.index())?.datatype;
            quick.datatype = u32::try_from(datatype).ok()?;
            datatype
        }
        Event::Text => {
            quick.action = Action::Text;
            quick.datatype = u32::try_from(production.index()).ok()?;
            production.index()
        }
        Event::Start => {
            let element = elements.get(production.index())?;
            match element.kind {
                _ if element.refusal > 0 => return None,
                Kind::Class(class) => {
                    quick.action = Action::Class;
                    class
                }
                Kind::Simple(index) => {
                    let datatype = datatypes.get(index)?;
                    let tail = u32::from(quick.tail);
                    quick.width = u8::try_from(datatype.width).ok()?;
                    quick.zeros = 1 << (datatype.width + tail) | ((1 << tail) - 1);
                    quick.datatype = u32::try_from(index).ok()?;
                    quick.low = datatype.low;
                    quick.high = datatype.high;
                    quick.action = match datatype.representation {
                        Representation::Boolean => Action::Member,
                        Representation::Enumeration if datatype.width > 0 => Action::Member,
                        Representation::Offset if datatype.width > 0 => Action::Offset,
                        Representation::Unsigned => Action::Unsigned,
                        Representation::Signed => Action::Signed,
                        Representation::Text | Representation::Binary => Action::Long,
                        _ => return None,
                    };
                    match shared.codes(datatype) {
                        Some((first, last)) => {
                            quick.last = u32::try_from(last).ok()?;
                            if quick.action == Action::Offset {
                                quick.action = Action::Small;
                            }
                            first
                        }
                        None => index,
                    }
                }
            }
        }
        _ => return None,
    };
    quick.subject = u32::try_from(subject).ok()?;
    Some(quick)
}
