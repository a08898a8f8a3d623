"""A miniature schema set with every feature that the reader knows, and a folder of its files."""

from pathlib import Path

from exi.schema import MessageSet
from exi.xsd import Difference, Folder, compare
from tests.exi.xsd.mini_main import SCHEMA

TYPES = """\
<?xml version="1.0" encoding="utf-8"?>
<schema xmlns="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:mini:types" targetNamespace="urn:mini:types"
    attributeFormDefault="qualified" version="1">
  <annotation><documentation xml:lang="en">Anything may <b>stand</b> here.</documentation></annotation>
  <element name="Base" type="t:BaseType" abstract="true"/>
  <complexType name="BaseType" abstract="true">
    <sequence>
      <element name="Number" type="unsignedByte"/>
    </sequence>
  </complexType>
  <element name="Left" type="t:LeftType" substitutionGroup="t:Base"/>
  <complexType name="LeftType">
    <complexContent>
      <extension base="t:BaseType">
        <sequence>
          <element name="Colour" type="t:colourType"/>
          <element name="Level" type="t:levelType" minOccurs="0"/>
        </sequence>
      </extension>
    </complexContent>
  </complexType>
  <element name="Right" type="t:RightType" substitutionGroup="t:Base"/>
  <complexType name="RightType">
    <complexContent>
      <extension base="t:BaseType">
        <sequence>
          <element name="Name" type="t:nameType" maxOccurs="3"/>
        </sequence>
        <attribute name="Kind" type="anyURI" use="required"/>
      </extension>
    </complexContent>
  </complexType>
  <complexType name="KeyType">
    <simpleContent>
      <extension base="t:tokenType">
        <attribute name="Id" type="ID" use="required"/>
      </extension>
    </simpleContent>
  </complexType>
  <element name="Note" type="t:NoteType"/>
  <complexType name="NoteType" mixed="true">
    <sequence>
      <any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>
    </sequence>
    <attribute name="Language" type="string"/>
  </complexType>
  <element name="Path" type="t:PathType"/>
  <complexType name="PathType">
    <sequence>
      <sequence minOccurs="0">
        <element ref="t:X"/>
        <element ref="t:Y"/>
      </sequence>
      <choice maxOccurs="unbounded">
        <element ref="t:Z"/>
        <any/>
      </choice>
    </sequence>
  </complexType>
  <element name="X" type="integer"/>
  <element name="Y" type="integer"/>
  <element name="Z" type="t:levelType"/>
  <complexType name="UnusedType">
    <sequence>
      <element name="Shade" type="t:shadeType"/>
    </sequence>
  </complexType>
  <simpleType name="nameType">
    <restriction base="string">
      <minLength value="1"/>
      <maxLength value="20"/>
    </restriction>
  </simpleType>
  <simpleType name="tokenType">
    <restriction base="base64Binary">
      <length value="4"/>
    </restriction>
  </simpleType>
  <simpleType name="levelType">
    <restriction base="byte">
      <minInclusive value="-3"/>
      <maxInclusive value="3"/>
    </restriction>
  </simpleType>
  <simpleType name="colourType">
    <restriction base="string">
      <enumeration value="red"/>
      <enumeration value="deep blue"/>
      <enumeration value="green"/>
    </restriction>
  </simpleType>
  <simpleType name="shadeType">
    <restriction base="string">
      <enumeration value="dark"/>
      <enumeration value="light"/>
    </restriction>
  </simpleType>
  <simpleType name="unusedLevelType">
    <restriction base="unsignedShort">
      <minInclusive value="12"/>
      <maxInclusive value="1024"/>
    </restriction>
  </simpleType>
</schema>
"""

MAIN = """\
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:mini:main" xmlns:t="urn:mini:types"
    targetNamespace="urn:mini:main" elementFormDefault="qualified" attributeFormDefault="unqualified">
  <xs:import namespace="urn:mini:types" schemaLocation="elsewhere/types.xsd"/>
  <xs:element name="Envelope">
    <xs:complexType>
      <xs:sequence>
        <xs:element name="Ask" type="AskType"/>
        <xs:element name="Key" type="t:nameType"/>
      </xs:sequence>
    </xs:complexType>
  </xs:element>
  <xs:element name="Ask" type="AskType"/>
  <xs:element name="Again" type="AskType"/>
  <xs:element name="More" type="MoreType"/>
  <xs:complexType name="AskType">
    <xs:sequence>
      <xs:element name="ID" type="xs:hexBinary"/>
      <xs:element ref="t:Base" minOccurs="0"/>
      <xs:element name="Count" minOccurs="2" maxOccurs="5">
        <xs:simpleType>
          <xs:restriction base="xs:unsignedInt">
            <xs:maxInclusive value="86400"/>
          </xs:restriction>
        </xs:simpleType>
      </xs:element>
      <xs:element name="Total" type="xs:unsignedLong" minOccurs="2" maxOccurs="unbounded"/>
      <xs:choice>
        <xs:element name="Yes" type="xs:boolean"/>
        <xs:element name="No" type="xs:int"/>
      </xs:choice>
      <xs:choice minOccurs="0">
        <xs:element name="Early" type="t:LeftType"/>
        <xs:element name="Late" type="xs:long" maxOccurs="2"/>
      </xs:choice>
      <xs:element name="Key" type="t:KeyType" minOccurs="0"/>
    </xs:sequence>
    <xs:attribute name="version" type="xs:string" use="optional"/>
  </xs:complexType>
  <xs:complexType name="MoreType">
    <xs:complexContent>
      <xs:extension base="AskType">
        <xs:sequence>
          <xs:element ref="t:Note" minOccurs="0" maxOccurs="70"/>
          <xs:element ref="t:Path" minOccurs="0"/>
        </xs:sequence>
      </xs:extension>
    </xs:complexContent>
  </xs:complexType>
</xs:schema>
"""


def write(directory: Path, *, main: str = MAIN, types: str = TYPES) -> Folder:
    """Write the two files, the second one where the first one's hint does not lead, and read the folder."""
    (directory / "deeper").mkdir(exist_ok=True)
    (directory / "main.xsd").write_text(main)
    (directory / "deeper" / "types.XSD").write_text(types)
    return Folder(directory)


def differences(folder: Folder, schema: MessageSet = SCHEMA) -> list[Difference]:
    """Return what the comparison of the miniature set finds."""
    return compare(schema, folder).differences
