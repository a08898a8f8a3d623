import codecs
from pathlib import Path

import pytest

from exi.xsd.source import MAX_BYTES, Folder, Place, XsdError, read_source

XSD = "http://www.w3.org/2001/XMLSchema"
EMPTY = f'<schema xmlns="{XSD}" targetNamespace="urn:a"/>'


def refusal(path: Path, content: str | bytes) -> XsdError:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(XsdError) as caught:
        read_source(path)
    assert str(caught.value) == f"{caught.value.place}: {caught.value.reason}"
    assert caught.value.place.path == path
    return caught.value


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (f'<schema xmlns="{XSD}">\n<element>\n</schema>', 3, "not well-formed XML: mismatched tag"),
        ("", 1, "not well-formed XML: no element found"),
        ("<html/>", 1, "html is not an element of XML Schema"),
        (f'<element xmlns="{XSD}"/>', 1, "the root is xs:element, not xs:schema"),
        (f'<schema xmlns="{XSD}">\n<element xmlns=""/></schema>', 2, "element is not an element of XML Schema"),
        (f'<schema xmlns="{XSD}">\n stray </schema>', 2, "text between declarations: 'stray'"),
        (
            f'<schema xmlns="{XSD}" xmlns:v="urn:v"\n v:minVersion="1.1"/>',
            1,
            "the attribute minVersion of urn:v is not supported",
        ),
        (
            f'<!DOCTYPE schema [\n<!ENTITY a "b">]>\n<schema xmlns="{XSD}"\n targetNamespace="&a;"/>',
            4,
            "the entity a is used; entities are not supported",
        ),
        (
            f'<!DOCTYPE schema SYSTEM "http://example.com/x.dtd">\n<schema xmlns="{XSD}" version="&x;"/>',
            2,
            "the entity x is used; entities are not supported",
        ),
        (
            f'<!DOCTYPE schema [\n<!ENTITY a "aaaa">\n<!ENTITY b "&a;&a;">]><schema xmlns="{XSD}"/>',
            3,
            "the entity a is used; entities are not supported",
        ),
        (
            f'<schema xmlns="{XSD}">{"<sequence>" * 70}{"</sequence>" * 70}</schema>',
            1,
            "elements nest deeper than 64",
        ),
        (EMPTY.encode() + b"\n\n<!-- \xe9 -->", 3, "the text is not UTF-8: invalid continuation byte"),
    ],
)  # fmt: skip
def test_what_is_no_xsd_is_refused_with_its_line(
    tmp_path: Path, content: str | bytes, line: int, reason: str
) -> None:
    error = refusal(tmp_path / "a.xsd", content)
    assert (error.place.line, error.reason) == (line, reason)


def test_large_files_are_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path / "a.xsd", EMPTY + " " * MAX_BYTES)
    assert error.reason == f"the file has more than {MAX_BYTES} bytes"
    assert str(error.place) == str(tmp_path / "a.xsd")


def test_a_document_type_declaration_without_use_is_read(tmp_path: Path) -> None:
    """The W3C's own schema for XML signatures begins with one."""
    path = tmp_path / "a.xsd"
    path.write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE schema PUBLIC "-//W3C//DTD XMLSchema 200102//EN" '
        '"http://www.w3.org/2001/XMLSchema.dtd"\n [<!ATTLIST schema xmlns:ds CDATA #FIXED "urn:a">\n'
        f'<!ENTITY dsig "urn:a">\n<!ENTITY % p "">\n]>\n<schema xmlns="{XSD}" targetNamespace="urn:a">\n'
        '<!-- &#35; &amp; --><element name="A" type="ds:T"/></schema>'
    )
    source = read_source(path)
    (element,) = source.root.children
    name = element.qname("type")
    assert name is not None
    assert (name.local, name.uri) == ("T", "urn:a")
    assert element.place == Place(path, 8)


@pytest.mark.parametrize(
    "data", [codecs.BOM_UTF8 + EMPTY.encode(), EMPTY.encode("utf-16"), EMPTY.encode(), EMPTY.encode("ascii")]
)
def test_encodings(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.xsd"
    path.write_bytes(data)
    assert read_source(path).namespace == "urn:a"


def test_annotations_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.xsd"
    path.write_text(
        f'<s:schema xmlns:s="{XSD}"><s:annotation><s:documentation>text <b xmlns="urn:b" c="d"><s:element/></b>'
        '</s:documentation></s:annotation><s:element name="A"><s:annotation/></s:element></s:schema>'
    )
    source = read_source(path)
    (element,) = source.root.children
    assert element.children == []
    assert source.namespace == ""


def test_missing_and_unreadable_places(tmp_path: Path) -> None:
    with pytest.raises(XsdError, match="nowhere: no such directory"):
        Folder(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(XsdError, match="file: not a directory"):
        Folder(tmp_path / "file")
    (tmp_path / "folder.xsd").mkdir()
    assert Folder(tmp_path).sources == {}
    (tmp_path / "loose.xsd").symlink_to(tmp_path / "gone.xsd")
    (error,) = Folder(tmp_path).errors
    assert error.reason == "No such file or directory"


def test_a_directory_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def walk(_: Path, onerror: object) -> list[object]:
        assert callable(onerror)
        onerror(PermissionError(13, "Permission denied", str(tmp_path / "locked")))
        return []

    monkeypatch.setattr("exi.xsd.source.os.walk", walk)
    with pytest.raises(XsdError, match="locked: Permission denied"):
        Folder(tmp_path)


def test_a_bad_file_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.xsd").write_text(EMPTY)
    (tmp_path / "b.xsd").write_text("<")
    (tmp_path / "c.txt").write_text("<")
    folder = Folder(tmp_path)
    assert "urn:a" in folder
    assert [error.place.path.name for error in folder.errors] == ["b.xsd"]


def test_copies_of_a_file(tmp_path: Path) -> None:
    """Copies that say the same are one; of those that differ the hint, then the neighbour decides."""
    other = EMPTY.replace("/>", ' version="2"/>')
    importer = f'<schema xmlns="{XSD}" targetNamespace="urn:b"><import namespace="urn:a"{{}}/></schema>'
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
    (tmp_path / "x" / "a.xsd").write_text(EMPTY)
    (tmp_path / "y" / "copy.xsd").write_text(f"<!-- The same. -->\n{EMPTY}")
    (tmp_path / "b.xsd").write_text(importer.format(""))

    def found() -> Path:
        folder = Folder(tmp_path)
        node = folder.find("urn:b").root.children[0]
        return folder.find("urn:a", node).path.relative_to(tmp_path)

    assert found() == Path("x/a.xsd")
    (tmp_path / "y" / "copy.xsd").write_text(other)
    with pytest.raises(
        XsdError, match=r"b\.xsd:1: the namespace urn:a is declared differently by .*x/a.xsd and "
    ):
        found()
    (tmp_path / "b.xsd").write_text(importer.format(' schemaLocation="y/copy.xsd"'))
    assert found() == Path("y/copy.xsd")
    (tmp_path / "b.xsd").write_text(importer.format(' schemaLocation="b.xsd"'))
    with pytest.raises(XsdError, match="declared differently"):
        found()
    (tmp_path / "near.xsd").write_text(EMPTY)
    assert found() == Path("near.xsd")


def test_node_values(tmp_path: Path) -> None:
    path = tmp_path / "a.xsd"
    path.write_text(f'<schema xmlns="{XSD}" id=" u:a " name="b" version="maybe"/>')
    root = read_source(path).root
    assert root.get("name") == "b"
    name = root.qname("name")
    assert name is not None
    assert name.uri == XSD
    assert root.qname("targetNamespace") is None
    for call, reason in (
        (lambda: root.need("type"), "xs:schema needs the attribute type"),
        (lambda: root.qname("id"), "the prefix u is not declared"),
        (lambda: root.flag("version"), "version='maybe' is not a boolean"),
    ):
        with pytest.raises(XsdError, match=reason):
            call()
