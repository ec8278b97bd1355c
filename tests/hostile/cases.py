"""Malformed packages and wide tables, as data: each writes its files and says what must be said about them.

A case knows nothing of how it is opened. The tests beside it open it with the library; a test of the command line can
write the same files (``case.write(folder)``) and look at the exit status.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PACKAGES", "WIDE_TABLES", "PackageCase", "WideCase", "valid_package"]


def valid_package() -> dict[str, str]:
    """Text of a small package in which nothing is wrong, by file."""
    return {
        "patient.csv": "patient_id,site,index_date,last_contact_date,age,sex,weight\n"
        "a,x,2020-01-10,2020-12-31,50,female,70\nb,x,2020-02-10,2020-12-31,61.5,male,82\n",
        "visit.csv": "patient_id,visit_id,visit_date,planned_day,attended\n"
        "a,v0,2020-01-10,0,1\na,v1,2020-04-10,91,1\nb,v0,2020-02-10,0,true\nb,v1,,91,false\n",
        "prom.csv": "patient_id,visit_id,instrument,item,value\n"
        "a,v0,nrs_back,total,6\na,v1,nrs_back,total,1\nb,v0,nrs_back,total,7\n",
        "imaging_study.csv": "patient_id,study_id,acquired_on,modality,field_strength\na,s1,2020-01-05,mri,1.5\n",
        "biomarker.csv": "patient_id,study_id,structure,measure,level,side,value,unit,method_id,sd_error\n"
        "a,s1,disc,disc_height,l4l5,,9.1,mm,area,0.5\na,s1,disc,pfirrmann,l4l5,,4,grade,reader,\n",
        "event.csv": "patient_id,event_type,event_date\na,surgery,2020-06-01\n",
    }


@dataclass(frozen=True)
class PackageCase:
    """A package folder with one thing wrong.

    Attributes
    ----------
    name : str
        What is wrong.
    reason : str
        Reason code that must stand in the failure frame.
    files : mapping of str to (str, bytes or None)
        What replaces or joins the valid files; None removes one.
    field : str
        Field the failure must name; any if empty.
    """

    name: str
    reason: str
    files: Mapping[str, str | bytes | None]
    field: str = ""

    def write(self, folder: Path) -> Path:
        """Write the package; returns its folder."""
        for file, content in {**valid_package(), **self.files}.items():
            if content is not None:
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder


def _edit(file: str, old: str, new: str) -> dict[str, str]:
    text = valid_package()[file]
    assert old in text, (file, old)
    return {file: text.replace(old, new)}


def _json(resources: object) -> dict[str, str]:
    return {"datapackage.json": json.dumps({"name": "x", "resources": resources})}


def _swap(text: str, names: tuple[str, str]) -> str:
    rows = [line.split(",") for line in text.splitlines()]
    first, second = (rows[0].index(name) for name in names)
    for row in rows[1:]:
        row[first], row[second] = row[second], row[first]
    return "\n".join(",".join(row) for row in rows) + "\n"


def _codebook(row: str) -> dict[str, str]:
    return {"codebook.csv": "table,name,direction,unit\n" + row + "\n"}


def _reversed_scale() -> dict[str, str]:
    """Forty patients in whom a scale declared `higher_worse` runs against pain."""
    ids = [f"p{i:02d}" for i in range(40)]
    pain = [i % 10 for i in range(40)]
    return {
        "patient.csv": "patient_id\n" + "".join(f"{i}\n" for i in ids),
        "visit.csv": "patient_id,visit_id,visit_day,attended\n" + "".join(f"{i},v0,0,1\n" for i in ids),
        "prom.csv": "patient_id,visit_id,instrument,item,value\n"
        + "".join(f"{i},v0,nrs_back,total,{p}\n{i},v0,house_scale,total,{10 - p}\n" for i, p in zip(ids, pain)),
        "codebook.csv": "table,name,direction,unit\nprom,house_scale,higher_worse,points\n",
        "imaging_study.csv": "patient_id,study_id,acquired_on,modality\np01,s1,2020-01-05,mri\n",
        "biomarker.csv": "patient_id,study_id,structure,measure,level,side,value,unit,method_id\n"
        "p01,s1,disc,disc_height,l4l5,,9.1,mm,area\n",
        "event.csv": "patient_id,event_type,event_day\np01,surgery,60\n",
    }


PACKAGES: tuple[PackageCase, ...] = (
    PackageCase("no patient table", "missing_table", {"patient.csv": None}),
    PackageCase("questionnaires without visits", "missing_table", {"visit.csv": None}),
    PackageCase("no key column", "missing_field", _edit("patient.csv", "patient_id,site", "pat,site"), "patient_id"),
    PackageCase("no method column", "missing_field", _edit("biomarker.csv", "method_id", "made_how"), "method_id"),
    PackageCase("empty key", "required", _edit("patient.csv", "\nb,x", "\n,x"), "patient_id"),
    PackageCase("no method given", "required", _edit("biomarker.csv", "mm,area", "mm,"), "method_id"),
    PackageCase("duplicate patient", "duplicate_key", _edit("patient.csv", "\nb,x", "\na,x"), "patient_id"),
    PackageCase("duplicate visit", "duplicate_key", _edit("visit.csv", "b,v1,,91,false", "b,v0,2020-02-10,0,1")),
    PackageCase(
        "duplicate biomarker without a side",
        "duplicate_key",
        {"biomarker.csv": valid_package()["biomarker.csv"] + "a,s1,disc,disc_height,l4l5,,9.3,mm,area,\n"},
    ),
    PackageCase("identifier that differs in a leading zero", "foreign_key", _edit("event.csv", "\na,", "\n0a,")),
    PackageCase("event of a stranger", "foreign_key", _edit("event.csv", "\na,", "\nz,"), "patient_id"),
    PackageCase("questionnaire at no visit", "foreign_key", _edit("prom.csv", "a,v1", "a,v9"), "patient_id+visit_id"),
    PackageCase("biomarker of no study", "foreign_key", _edit("biomarker.csv", "a,s1,disc,d", "a,s2,disc,d")),
    PackageCase("text in numbers", "type", _edit("patient.csv", "61.5", "sixty"), "age"),
    PackageCase("unit inside the number", "type", _edit("patient.csv", ",82", ",82 kg"), "weight"),
    PackageCase("infinite number", "type", _edit("patient.csv", "61.5", "inf"), "age"),
    PackageCase("NaN in a key", "required", _edit("patient.csv", "\nb,x", "\nNaN,x"), "patient_id"),
    PackageCase("American date", "type", _edit("event.csv", "2020-06-01", "06/01/2020"), "event_date"),
    PackageCase("date that does not exist", "type", _edit("event.csv", "2020-06-01", "2020-02-30"), "event_date"),
    PackageCase("date in another century", "type", _edit("event.csv", "2020-06-01", "0202-06-01"), "event_date"),
    PackageCase("spreadsheet serial date", "type", _edit("event.csv", "2020-06-01", "43983"), "event_date"),
    PackageCase("yes and no as booleans", "type", _edit("visit.csv", "91,false", "91,nope"), "attended"),
    PackageCase("negative age", "minimum", _edit("patient.csv", ",50,", ",-50,"), "age"),
    PackageCase("age in months", "maximum", _edit("patient.csv", ",50,", ",600,"), "age"),
    PackageCase("weight in pounds", "maximum", _edit("patient.csv", ",82", ",1820"), "weight"),
    PackageCase("sex by an unknown code", "enum", _edit("patient.csv", "female", "2"), "sex"),
    PackageCase(
        "level in capitals with a dash",
        "enum",
        _edit("biomarker.csv", "disc_height,l4l5", "disc_height,L4-L5"),
        "level",
    ),
    PackageCase("level that skips a vertebra", "enum", _edit("biomarker.csv", "disc_height,l4l5", "disc_height,l3l5")),
    PackageCase(
        "side of the picture",
        "enum",
        _edit("biomarker.csv", "disc_height,l4l5,", "disc_height,l4l5,image_left"),
        "side",
    ),
    PackageCase("measure nobody declared", "enum", _edit("biomarker.csv", "disc_height", "magic"), "measure"),
    PackageCase(
        "instrument without its version", "enum", _edit("prom.csv", "a,v0,nrs_back", "a,v0,rmdq"), "instrument"
    ),
    PackageCase("event of an unknown kind", "enum", _edit("event.csv", "surgery", "miracle"), "event_type"),
    PackageCase("wrong unit", "unit", _edit("biomarker.csv", "9.1,mm", "0.91,cm"), "unit"),
    PackageCase("disc height in the wrong unit unsaid", "range", _edit("biomarker.csv", "9.1,mm", "91,mm"), "value"),
    PackageCase("Pfirrmann of 7", "range", _edit("biomarker.csv", "l4l5,,4,grade", "l4l5,,7,grade"), "value"),
    PackageCase("visual scale as a rating", "range", _edit("prom.csv", "total,6", "total,60"), "value"),
    PackageCase("negative error", "minimum", _edit("biomarker.csv", "area,0.5", "area,-0.5"), "sd_error"),
    PackageCase(
        "two methods under one name",
        "mixed_method",
        {"biomarker.csv": valid_package()["biomarker.csv"] + "a,s1,disc,disc_height,l5s1,,7,mm,three_point,\n"},
        "method_id",
    ),
    PackageCase("event before index", "before_index", _edit("event.csv", "2020-06-01", "2019-06-01"), "event_date"),
    PackageCase("negative event day", "before_index", {"event.csv": "patient_id,event_type,event_day\na,surgery,-3\n"}),
    PackageCase("event without a date", "no_time", _edit("event.csv", "2020-06-01", ""), "event_date"),
    PackageCase(
        "last contact before index",
        "date_order",
        _edit("patient.csv", "a,x,2020-01-10,2020-12-31", "a,x,2020-01-10,2019-12-31"),
        "last_contact_date",
    ),
    PackageCase(
        "index and last contact exchanged",
        "date_order",
        {"patient.csv": _swap(valid_package()["patient.csv"], ("index_date", "last_contact_date"))},
    ),
    PackageCase(
        "visit after death",
        "after_death",
        {"event.csv": "patient_id,event_type,event_date\na,death,2020-03-01\n"},
        "visit_date",
    ),
    PackageCase(
        "operation after death",
        "after_death",
        {"event.csv": "patient_id,event_type,event_date\na,death,2020-05-01\na,surgery,2020-06-01\n"},
    ),
    PackageCase("attended without a date", "attendance", _edit("visit.csv", "b,v1,,91,false", "b,v1,,91,true")),
    PackageCase("dated but not attended", "attendance", _edit("visit.csv", "b,v1,,91", "b,v1,2020-05-01,91")),
    PackageCase(
        "codebook turns a known scale round", "codebook", _codebook("prom,odi,higher_better,points"), "direction"
    ),
    PackageCase("codebook with another unit", "codebook", _codebook("biomarker,disc_height,none,cm"), "unit"),
    PackageCase("codebook against the data", "direction", _reversed_scale(), "direction"),
    PackageCase("HTML in an identifier", "pattern", _edit("patient.csv", "\nb,x", "\n<script>alert(1)</script>,x")),
    PackageCase("HTML in a column name", "column_name", _edit("patient.csv", "site", "<b>site</b>")),
    PackageCase("formula in an identifier", "pattern", _edit("patient.csv", "\nb,x", "\n=HYPERLINK(1),x")),
    PackageCase("capitals and blanks in a column name", "column_name", _edit("patient.csv", "weight", "Body Weight")),
    PackageCase("two columns of one name", "unreadable", _edit("patient.csv", "sex", "age")),
    PackageCase("0-byte table", "unreadable", {"event.csv": b""}),
    PackageCase("table of blanks", "unreadable", {"event.csv": b"  \n \n"}),
    PackageCase("header without rows", "empty", {"event.csv": "patient_id,event_type,event_date\n"}),
    PackageCase("picture named .csv", "unreadable", {"event.csv": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00"}),
    PackageCase("text named .parquet", "unreadable", {"event.csv": None, "event.parquet": "patient_id\na\n"}),
    PackageCase("text named .xlsx", "unreadable", {"event.csv": None, "event.xlsx": "patient_id\na\n"}),
    PackageCase("text named .sav", "unreadable", {"event.csv": None, "event.sav": "patient_id\na\n"}),
    PackageCase("row with too many cells", "unreadable", _edit("event.csv", "2020-06-01", "2020-06-01,x,y,z")),
    PackageCase("quote never closed", "unreadable", _edit("event.csv", "\na,surgery", '\n"a,surgery')),
    PackageCase("wrong encoding mark", "unreadable", {"event.csv": b"\xff\xfea"}),
    PackageCase("path to the parent", "unsafe_path", _json([{"name": "patient", "path": "../patient.csv"}])),
    PackageCase("absolute path", "unsafe_path", _json([{"name": "patient", "path": "/etc/passwd"}])),
    PackageCase("path with a NUL", "unsafe_path", _json([{"name": "patient", "path": "patient\u0000.csv"}])),
    PackageCase("path to nothing", "missing_table", _json([{"name": "patient", "path": "nobody.csv"}])),
    PackageCase("package file that is no JSON", "package", {"datapackage.json": "{resources: ["}),
    PackageCase("package file of another shape", "package", {"datapackage.json": "[1, 2]"}),
    PackageCase("resources that are no list of tables", "package", _json([1, 2])),
)


@dataclass(frozen=True)
class WideCase:
    """A wide table of predictions with one thing wrong; columns ``time, event, risk`` are asked for.

    Attributes
    ----------
    name : str
        What is wrong.
    message : str
        Regular expression that the one error must match.
    content : str, bytes or callable
        The file, or what writes it given its path.
    suffix : str
        Ending of the file.
    """

    name: str
    message: str
    content: str | bytes | Callable[[Path], None]
    suffix: str = ".csv"

    def write(self, folder: Path) -> Path:
        """Write the file; returns its path."""
        path = folder / f"predictions{self.suffix}"
        if callable(self.content):
            self.content(path)
        else:
            path.write_bytes(self.content if isinstance(self.content, bytes) else self.content.encode())
        return path


_GOOD = "time,event,risk\n3,1,0.4\n12,0,0.2\n7.5,2,0.3\n"


def _good(old: str, new: str) -> str:
    assert old in _GOOD
    return _GOOD.replace(old, new)


WIDE_TABLES: tuple[WideCase, ...] = (
    WideCase("0-byte file", "empty", b""),
    WideCase("header without rows", "at least one row|no rows", "time,event,risk\n"),
    WideCase("no such column", "time", _good("time", "months")),
    WideCase("two columns of one name", "same name", _good("risk", "time")),
    WideCase("column without a name", "without a name", _good("risk", "")),
    WideCase("missing time", "time.*rows", _good("3,1", ",1")),
    WideCase("negative time", "time", _good("3,1", "-3,1")),
    WideCase("infinite time", "time", _good("3,1", "inf,1")),
    WideCase("text in time", "time", _good("3,1", "three,1")),
    WideCase("missing event", "event", _good("3,1", "3,")),
    WideCase("words for events", "event.*codes", "time,event,risk\n3,dead,0.4\n12,alive,0.2\n"),
    WideCase("R's 1/2 coding", "R's 1/2", "time,event,risk\n3,2,0.4\n12,1,0.2\n"),
    WideCase("half an event", "event", _good("3,1", "3,0.5")),
    WideCase("negative event", "event", _good("3,1", "3,-1")),
    WideCase("missing risk", "risk.*missing", _good("0.4", "")),
    WideCase("risk in percent", "probability", _good("0.4", "40")),
    WideCase("risk below 0", "probability", _good("0.4", "-0.4")),
    WideCase("linear predictor for a risk", "linear predictor", _good("0.4", "1.7")),
    WideCase("percent sign", "risk", _good("0.4", "40%")),
    WideCase("decimal comma that splits the row", "not a table|Expected", _good("0.4", "0,4")),
    WideCase("thousands of times", "time", 'time,event,risk\n"1,200",1,0.4\n"2,400",0,0.3\n'),
    WideCase("picture named .csv", "not text", b"\x89PNG\r\n\x1a\n\x00\x00"),
    WideCase("text named .parquet", "Parquet", _GOOD, ".parquet"),
    WideCase("text named .xlsx", "Excel", _GOOD, ".xlsx"),
    WideCase("text named .dta", "stata", _GOOD, ".dta"),
    WideCase("text named .sas7bdat", "sas", _GOOD, ".sas7bdat"),
    WideCase("unknown ending", "known format", _GOOD, ".doc"),
    WideCase("unclosed quote", "not a table", _good("3,1", '"3,1')),
)
