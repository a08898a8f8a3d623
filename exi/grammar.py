"""Schema classes to grammars: which events may follow, in which order, with which event code.

This follows the EXI recommendation, 8.5.4 (schema-informed element grammars), as far as the supported
notation (:mod:`exi.schema`) can express it. A type's grammar is a graph of :class:`State`; a state's
productions stand in the order of their event codes:

* attributes sorted by local name, then URI,
* named elements in schema order; members of a substitution group, its head included even where it is
  abstract, count as one place and are sorted by local name, then URI,
* a wildcard, the end of the element, characters.

Bounded repetition is exact without unrolling: a :class:`Counter` chooses between three states, one for
each answer to "must", "may" and "must not" another item follow.
"""

from enum import Enum, IntEnum
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from exi.errors import SchemaError
from exi.profile import Profile
from exi.schema import (
    BOOLEAN,
    STRING,
    Attribute,
    Child,
    Choice,
    Content,
    Datatype,
    Element,
    GlobalElement,
    MessageSet,
    Particle,
    Sequence,
    Text,
    Wildcard,
    XsdType,
    is_abstract,
)

Simple = Datatype | type[Enum]
"""A simple type: a datatype, or an enumeration whose members stand in schema order."""

AnyType = type[XsdType] | Simple


class Event(IntEnum):
    """The kinds of productions, in the order that event codes are given."""

    ATTRIBUTE = 0
    START = 1
    START_ANY = 2
    END = 3
    TEXT = 4


class Mode(IntEnum):
    """How a field of a class holds its values."""

    REQUIRED = 0
    OPTIONAL = 1
    LIST = 2
    CONTENT = 3


ABSTRACT = "the element or its type is abstract"
"""Why an element may not occur, by the schema."""


class Name(msgspec.Struct, frozen=True, gc=False):
    """A qualified name; sorts as EXI sorts: by local name, then URI."""

    local: str
    uri: str

    def key(self) -> tuple[str, str]:
        """Sort key."""
        return (self.local, self.uri)


class Declaration(msgspec.Struct, frozen=True, gc=False):
    """An element with its type; two uses of one name and type are the same declaration.

    ``refusal`` says why it may not occur, though it has an event code: the XSD calls the element or its type
    abstract, or a profile refuses it. Empty: it may.
    """

    name: Name
    type: AnyType
    refusal: str = ""


class AttributeUse(msgspec.Struct, frozen=True, gc=False):
    """An attribute of a type."""

    name: Name
    type: Simple
    optional: bool


class Field(msgspec.Struct, frozen=True, gc=False):
    """One field of a message class: ``attribute`` is its Python name, ``marker`` its schema statement."""

    attribute: str
    marker: Element | Attribute | Text | Content
    type: AnyType | None
    mode: Mode
    namespace: str


class State(msgspec.Struct, eq=False):
    """A place in a type's grammar. ``start_tag``: attributes could still follow (3-bit second level).

    ``missing``: so many event codes behind the productions are counted, but lead nowhere; profiles need them.
    """

    productions: list["Production"] = []
    start_tag: bool = False
    counter: "Counter | None" = None
    missing: int = 0


class Counter(msgspec.Struct, eq=False):
    """Bounded repetition of one particle; ``maximum`` None: unbounded."""

    minimum: int
    maximum: int | None
    below: State = msgspec.field(default_factory=State)
    within: State = msgspec.field(default_factory=State)
    full: State = msgspec.field(default_factory=State)


class Production(msgspec.Struct, eq=False):
    """One event that a state admits; ``field`` is the index of the class's field that holds it."""

    event: Event
    subject: Declaration | AttributeUse | Simple | Wildcard | None
    field: int
    next: State | Counter | None


class TypeGrammar(msgspec.Struct, eq=False):
    """The grammar of one class. ``order`` lists its field indexes in the order of encoding."""

    cls: type[XsdType]
    fields: tuple[Field, ...]
    order: tuple[int, ...]
    start: State
    states: list[State]


class _Leaf(msgspec.Struct, eq=False):
    """A particle that matches one element: a position of the content model."""

    index: int
    declarations: list[Declaration]
    wildcard: Wildcard | None
    field: int
    minimum: int
    maximum: int | None
    follow: list["_Leaf"] = []
    final: bool = False
    refusal: str = ""
    """Why one item more than ``maximum`` is refused although it has an event code; empty: it has none."""
    lone: bool = False
    """Nothing but the end may follow."""

    @property
    def counted(self) -> bool:
        return self.minimum > 1 or self.maximum not in {1, None} or self.refusal != ""


class _Span(msgspec.Struct):
    """First and last positions of a part of the content model, and whether it may be empty."""

    first: list[_Leaf]
    last: list[_Leaf]
    nullable: bool


class _Group(msgspec.Struct):
    """The content of a class as a tree: leaves under sequences and choices."""

    members: "list[_Leaf | _Group]"
    choice: bool
    minimum: int = 1
    maximum: int | None = 1


_MAX_COPIES = 64


class Grammars:
    """The grammars of one message set.

    ``elements`` are the declarations that fragments may start with, one list entry for each distinct
    name in code order, each a tuple of the declarations of that name. ``documents`` are the global
    elements in code order.
    """

    def __init__(self, schema: MessageSet, profile: Profile | None = None) -> None:
        self.schema = schema
        self.profile = profile
        self.namespaces = {module.__name__: str(module.NAMESPACE) for module in schema.modules}
        self.globals: dict[Name, Declaration] = {}
        self._members: dict[Name, list[Name]] = {}
        for module in schema.modules:
            self._read_globals(str(module.NAMESPACE), getattr(module, "ELEMENTS", ()))
        self._fields: dict[type[XsdType], tuple[Field, ...]] = {}
        classes = [
            cls
            for module in schema.modules
            for cls in vars(module).values()
            if isinstance(cls, type) and issubclass(cls, XsdType) and cls.__module__ == module.__name__
        ]
        self.types = {cls: self._type(cls) for cls in dict.fromkeys(classes)}
        self.documents = [self.globals[name] for name in self._document_order()]
        self.elements = self._fragment_elements()
        self.attributes = self._attribute_uses()

    def _read_globals(self, namespace: str, elements: tuple[GlobalElement, ...]) -> None:
        for element in elements:
            name = Name(element.name, namespace)
            self.globals[name] = self.declaration(name, element.type, abstract=element.abstract)
            if element.substitutes is not None:
                head = Name(element.substitutes, element.substitutes_ns or namespace)
                self._members.setdefault(head, []).append(name)

    def group(self, head: Name) -> list[Declaration]:
        """Return the global element ``head`` and all that may stand in its place, in code order."""
        if head not in self.globals:
            raise SchemaError(f"{head} is referred to, but no module of {self.schema!r} declares it")
        found = {head: None}
        queue = [head]
        while queue:
            for name in self._members.get(queue.pop(), ()):
                if name not in found:
                    found[name] = None
                    queue.append(name)
        return [self.globals[name] for name in sorted(found, key=Name.key)]

    def fields(self, cls: type[XsdType]) -> tuple[Field, ...]:
        """Return the fields of a class, those of its base classes first."""
        known = self._fields.get(cls)
        if known is None:
            base = cls.__mro__[1]
            inherited = self.fields(base) if base is not XsdType and issubclass(base, XsdType) else ()
            namespace = self.namespaces.get(cls.__module__)
            if namespace is None:
                raise SchemaError(f"{cls.__qualname__} is defined outside the modules of {self.schema!r}")
            if cls.__match_args__ != cls.__struct_fields__:
                raise SchemaError(f"{cls.__qualname__} lacks metaclass=Message: engines build by position")
            own = vars(cls).get("__annotations__", {})
            known = inherited + tuple(
                _read_field(cls, name, annotation, namespace) for name, annotation in own.items()
            )
            self._fields[cls] = known
        return known

    def _type(self, cls: type[XsdType]) -> TypeGrammar:
        return _TypeBuilder(self, cls, self.fields(cls)).build()

    def declaration(self, name: Name, kind: AnyType, *, abstract: bool = False) -> Declaration:
        """Return the declaration of an element."""
        if abstract or is_abstract(kind):
            return Declaration(name, kind, ABSTRACT)
        if self.profile is not None and isinstance(kind, type):
            return Declaration(name, kind, self.profile.refuses(self.schema.name, kind.__name__) or "")
        return Declaration(name, kind)

    def _document_order(self) -> list[Name]:
        names = sorted(self.globals, key=Name.key)
        for run in () if self.profile is None else self.profile.order:
            places = [index for index, name in enumerate(names) if name.local in run]
            swapped = sorted((names[index] for index in places), key=lambda name: run.index(name.local))
            for index, name in zip(places, swapped, strict=True):
                names[index] = name
        return names

    def _fragment_elements(self) -> list[tuple[Declaration, ...]]:
        by_name: dict[Name, dict[AnyType, Declaration]] = {}
        for declaration in self.documents:
            by_name.setdefault(declaration.name, {})[declaration.type] = declaration
        for grammar in self.types.values():
            for state in grammar.states:
                for production in state.productions:
                    subject = production.subject
                    # What a full list refuses is no further element.
                    refused = isinstance(production.next, Counter) and state is production.next.full
                    if production.event is Event.START and isinstance(subject, Declaration) and not refused:
                        by_name.setdefault(subject.name, {}).setdefault(subject.type, subject)
        return [tuple(by_name[name].values()) for name in sorted(by_name, key=Name.key)]

    def _attribute_uses(self) -> list[tuple[AttributeUse, ...]]:
        """All attributes of the set by name, in the order that the element fragment grammar has them."""
        by_name: dict[Name, dict[Simple, AttributeUse]] = {}
        for grammar in self.types.values():
            for state in grammar.states:
                for production in state.productions:
                    if isinstance(production.subject, AttributeUse):
                        use = production.subject
                        by_name.setdefault(use.name, {}).setdefault(use.type, use)
        return [tuple(by_name[name].values()) for name in sorted(by_name, key=Name.key)]


def _read_field(cls: type[XsdType], attribute: str, annotation: Any, namespace: str) -> Field:
    if get_origin(annotation) is not Annotated:
        raise SchemaError(f"{cls.__qualname__}.{attribute} does not say where it stands in the schema")
    python_type, marker = get_args(annotation)[:2]
    mode = Mode.REQUIRED
    origin = get_origin(python_type)
    if origin in {UnionType, Union}:
        python_type = next(arg for arg in get_args(python_type) if arg is not type(None))
        mode = Mode.OPTIONAL
    elif origin is list:
        (python_type,) = get_args(python_type)
        mode = Mode.CONTENT if isinstance(marker, Content) else Mode.LIST
    if isinstance(marker, Content):
        return Field(attribute, marker, None, mode, namespace)
    simple = marker.datatype
    if simple is not None:
        return Field(attribute, marker, simple, mode, namespace)
    if python_type is bool:
        return Field(attribute, marker, BOOLEAN, mode, namespace)
    if isinstance(python_type, type) and issubclass(python_type, XsdType | Enum):
        return Field(attribute, marker, python_type, mode, namespace)
    raise SchemaError(f"{cls.__qualname__}.{attribute} needs a datatype")


class _TypeBuilder:
    """Makes the grammar of one class."""

    def __init__(self, grammars: Grammars, cls: type[XsdType], fields: tuple[Field, ...]) -> None:
        self.grammars = grammars
        self.profile = grammars.profile
        self.cls = cls
        self.fields = fields
        self.states: list[State] = []
        self.leaves: list[_Leaf] = []
        self.position = 0
        self.mixed = False

    def build(self) -> TypeGrammar:
        attributes = sorted(
            (index for index, field in enumerate(self.fields) if isinstance(field.marker, Attribute)),
            key=lambda index: self._attribute_name(index).key(),
        )
        texts = [index for index, field in enumerate(self.fields) if isinstance(field.marker, Text)]
        others = [
            index for index, field in enumerate(self.fields) if isinstance(field.marker, Element | Content)
        ]
        if texts:
            if others or len(texts) > 1:
                raise SchemaError(f"{self.cls.__qualname__} has both text and elements")
            state = self._simple_content(texts[0])
        else:
            state = self._element_content(others)
        state.start_tag = True
        for index in reversed(attributes):
            field = self.fields[index]
            assert field.type is not None
            assert not (isinstance(field.type, type) and issubclass(field.type, XsdType))
            use = AttributeUse(self._attribute_name(index), field.type, field.mode is Mode.OPTIONAL)
            before = self._state(start_tag=True)
            before.productions.append(Production(Event.ATTRIBUTE, use, index, state))
            if use.optional:
                before.productions.extend(state.productions)
                before.missing = state.missing
            state = before
        return TypeGrammar(self.cls, self.fields, (*attributes, *texts, *others), state, self.states)

    def _attribute_name(self, index: int) -> Name:
        marker = self.fields[index].marker
        assert isinstance(marker, Attribute)
        return Name(marker.name, marker.ns)

    def _state(self, *, start_tag: bool = False) -> State:
        state = State(start_tag=start_tag)
        self.states.append(state)
        return state

    def _simple_content(self, index: int) -> State:
        marker = self.fields[index].marker
        assert isinstance(marker, Text)
        state, end = self._state(), self._state()
        state.productions.append(Production(Event.TEXT, marker.datatype, index, end))
        end.productions.append(Production(Event.END, None, -1, None))
        return state

    # Content models: a position automaton. A state is "after this position", so it needs no more than
    # the positions that may follow it, and the schema's own rule (unique particle attribution) makes
    # it deterministic.

    def _element_content(self, indexes: list[int]) -> State:
        root = _Group([], choice=False)
        label: str | None = None
        for index in indexes:
            field = self.fields[index]
            if isinstance(field.marker, Content):
                if len(indexes) > 1:
                    raise SchemaError(f"{self.cls.__qualname__}: a content model stands alone")
                self.mixed = field.marker.mixed
                root.members.append(self._model(field.marker.model, index, field.namespace))
                continue
            assert isinstance(field.marker, Element)
            leaf = self._field_leaf(index, field, field.marker)
            choice = field.marker.choice
            if choice is None:
                root.members.append(leaf)
            elif choice == label:
                last = root.members[-1]
                assert isinstance(last, _Group)
                last.members.append(leaf)
            else:
                root.members.append(_Group([leaf], choice=True, minimum=0 if choice.endswith("?") else 1))
            label = choice
        span = self._connect(root)
        for leaf in span.last:
            leaf.final = True
        return self._automaton(span)

    def _leaf(
        self,
        declarations: list[Declaration],
        wildcard: Wildcard | None,
        field: int,
        occurs: tuple[int, int | None],
    ) -> _Leaf:
        leaf = _Leaf(self.position, declarations, wildcard, field, *occurs)
        self.position += 1
        self.leaves.append(leaf)
        return leaf

    def _field_leaf(self, index: int, field: Field, marker: Element) -> _Leaf:
        assert field.type is not None
        name = Name(marker.name, field.namespace if marker.ns is None else marker.ns)
        declarations = (
            self.grammars.group(name) if marker.ref else [self.grammars.declaration(name, field.type)]
        )
        if field.mode is Mode.LIST:
            if marker.occurs is None:
                raise SchemaError(
                    f"{self.cls.__qualname__}.{field.attribute} does not say how often it occurs"
                )
            occurs = marker.occurs
        else:
            # An alternative of a choice may be None because another was taken, not because it is optional.
            optional = field.mode is Mode.OPTIONAL and marker.choice is None
            occurs = (0 if optional else 1, 1)
        leaf = self._leaf(declarations, None, index, occurs)
        if self.profile is not None and field.mode is Mode.LIST:
            self._limit(leaf, marker.name, self.profile)
        return leaf

    def _limit(self, leaf: _Leaf, element: str, profile: Profile) -> None:
        """Bound a list as a profile has it."""
        schema, cls = self.grammars.schema.name, self.cls.__name__
        if (schema, cls, element) in profile.chained:
            leaf.maximum = 2
            return
        capacity = profile.capacity(schema, cls, element)
        if capacity is not None:
            leaf.maximum = capacity
            if capacity != 2:
                leaf.refusal = f"{profile.name} holds at most {capacity} {element}"
        elif leaf.maximum is not None and profile.keeps_open(schema, leaf.maximum):
            leaf.refusal = f"at most {leaf.maximum} {element} may stand here, for {profile.name} as well"

    def _model(self, particle: Particle, index: int, namespace: str) -> _Leaf | _Group:
        match particle:
            case Wildcard():
                return self._leaf([], particle, index, particle.occurs)
            case Child():
                name = Name(particle.name, namespace)
                declarations = (
                    self.grammars.group(name)
                    if particle.ref
                    else [self.grammars.declaration(name, particle.type)]
                )
                return self._leaf(declarations, None, index, particle.occurs)
            case Sequence() | Choice():
                minimum, maximum = particle.occurs
                choice = isinstance(particle, Choice)
                if minimum <= 1 and maximum in {1, None}:
                    before = len(self.leaves)
                    members = [self._model(member, index, namespace) for member in particle.particles]
                    if self.profile is not None and self.profile.lone and maximum is None:
                        for leaf in self.leaves[before:]:
                            leaf.lone = True
                        maximum = 1
                    return _Group(members, choice, minimum, maximum)
                return self._copies(particle, index, namespace)

    def _copies(self, particle: Sequence | Choice, index: int, namespace: str) -> _Group:
        """Write a group that repeats a bounded number of times as nested optional copies."""
        minimum, maximum = particle.occurs
        once = type(particle)(particle.particles)
        if max(minimum, maximum or 0) > _MAX_COPIES:
            raise SchemaError(f"{self.cls.__qualname__}: a group repeats more than {_MAX_COPIES} times")
        first = self.position

        def again(group: Sequence | Choice) -> _Leaf | _Group:
            # A copy is no further particle: event codes follow the order of the schema.
            self.position = first
            return self._model(group, index, namespace)

        required = [again(once) for _ in range(minimum)]
        if maximum is None:
            required.append(again(type(particle)(particle.particles, (0, None))))
            return _Group(required, choice=False)
        copies = [again(once) for _ in range(maximum - minimum)]
        tail: _Group | None = None
        for copy in reversed(copies):
            tail = _Group([copy] if tail is None else [copy, tail], choice=False, minimum=0)
        return _Group(required if tail is None else [*required, tail], choice=False)

    def _connect(self, part: _Leaf | _Group) -> _Span:
        if isinstance(part, _Leaf):
            if part.maximum is None and not part.counted:
                part.follow.append(part)
            return _Span([part], [part], part.minimum == 0)
        spans = [self._connect(member) for member in part.members]
        if part.choice:
            span = _Span(
                [leaf for inner in spans for leaf in inner.first],
                [leaf for inner in spans for leaf in inner.last],
                any(inner.nullable for inner in spans),
            )
        else:
            span = _Span([], [], nullable=True)
            for inner in spans:
                for leaf in span.last:
                    leaf.follow.extend(inner.first)
                if span.nullable:
                    span.first.extend(inner.first)
                span.last = [*span.last, *inner.last] if inner.nullable else list(inner.last)
                span.nullable = span.nullable and inner.nullable
        if part.maximum is None:
            for leaf in span.last:
                leaf.follow.extend(first for first in span.first if first not in leaf.follow)
        return _Span(span.first, span.last, span.nullable or part.minimum == 0)

    def _automaton(self, span: _Span) -> State:
        counters: dict[_Leaf, Counter] = {}
        after: dict[_Leaf, State | Counter] = {}
        for leaf in self.leaves:
            if leaf.counted:
                counter = Counter(leaf.minimum, leaf.maximum)
                for state in (counter.below, counter.within, counter.full):
                    state.counter = counter
                    self.states.append(state)
                counters[leaf] = after[leaf] = counter
            else:
                after[leaf] = self._state()
        for leaf, target in after.items():
            if isinstance(target, Counter):
                self._fill(target.below, [leaf], after, final=False)
                self._fill(target.within, [leaf, *leaf.follow], after, final=leaf.final)
                if leaf.refusal:
                    self._fill(target.full, [leaf, *leaf.follow], after, final=leaf.final)
                    self._refuse(target.full, leaf)
                else:
                    self._fill(target.full, leaf.follow, after, final=leaf.final)
            elif leaf.lone:
                target.productions.append(Production(Event.END, None, -1, None))
            else:
                self._fill(target, self._unchained(leaf.follow), after, final=leaf.final)
        start = self._state()
        self._fill(start, self._unchained(span.first), after, final=span.nullable)
        return start

    def _unchained(self, leaves: list[_Leaf]) -> list[_Leaf]:
        """Leave out what may only follow an item of a chained list."""
        if self.profile is None:
            return leaves
        schema, cls = self.grammars.schema.name, self.cls.__name__
        for leaf in leaves:
            names = {declaration.name.local for declaration in leaf.declarations}
            if any((schema, cls, name) in self.profile.chained for name in names):
                return [other for other in leaves if other.index <= leaf.index]
        return leaves

    def _refuse(self, state: State, leaf: _Leaf) -> None:
        """Refuse one item more where a list is full, but keep its event codes."""
        for production in state.productions:
            subject = production.subject
            if production.field == leaf.field and isinstance(subject, Declaration):
                production.subject = Declaration(subject.name, subject.type, subject.refusal or leaf.refusal)

    def _fill(
        self, state: State, leaves: list[_Leaf], after: dict[_Leaf, State | Counter], *, final: bool
    ) -> None:
        productions = state.productions
        ordered = sorted(leaves, key=lambda leaf: leaf.index) if len(leaves) > 1 else leaves
        for leaf in ordered:
            following = after[leaf]
            for declaration in leaf.declarations:
                productions.append(Production(Event.START, declaration, leaf.field, following))
        lone = self.profile is not None and self.profile.lone
        for leaf in ordered:
            if leaf.wildcard is not None:
                wildcard = Wildcard("") if lone else leaf.wildcard
                productions.append(Production(Event.START_ANY, wildcard, leaf.field, after[leaf]))
        if len(leaves) > 1:
            self._check_rivals(productions)
        whole = (
            self.profile is not None and (self.grammars.schema.name, self.cls.__name__) in self.profile.whole
        )
        if final and whole and ordered:
            state.missing += 1
        elif final:
            productions.append(Production(Event.END, None, -1, None))
        if self.mixed and self.profile is not None and self.profile.lone:
            state.missing += 1
        elif self.mixed:
            productions.append(Production(Event.TEXT, STRING, self._content_field(), state))

    def _check_rivals(self, productions: list[Production]) -> None:
        """Refuse what the schema's rule of unique particle attribution forbids."""
        subjects = [production.subject for production in productions]
        names = {subject.name if isinstance(subject, Declaration) else subject for subject in subjects}
        if len(names) < len(subjects):
            raise SchemaError(f"{self.cls.__qualname__}: two particles compete for one element")

    def _content_field(self) -> int:
        return next(index for index, field in enumerate(self.fields) if field.mode is Mode.CONTENT)


def simple_type(kind: AnyType) -> Simple | None:
    """Return ``kind`` when it is a simple type, None for a class."""
    if isinstance(kind, type) and issubclass(kind, XsdType):
        return None
    return kind
