//! The names available in Santa's expressions of version 1: variables, messages with their fields, constants and
//! functions (spec §2.5).

use std::collections::HashMap;

use super::types::Type;

const CONTEXT: &str = "santa.cel.v1.ExecutionContext";
const FILE: &str = "santa.cel.v1.ExecutableFile";

/// The variables: the fields of the execution context.
const VARIABLES: &[(&str, &str)] = &[
    ("target", FILE),
    ("args", "list(string)"),
    ("envs", "map(string,string)"),
    ("euid", "int"),
    ("cwd", "string"),
    ("path", "string"),
];

const FILE_FIELDS: &[(&str, &str)] = &[
    ("signing_time", "timestamp"),
    ("secure_signing_time", "timestamp"),
    ("signing_id", "string"),
    ("team_id", "string"),
    ("is_platform_binary", "bool"),
];

const TIME_FIELDS: &[(&str, &str)] = &[("seconds", "int"), ("nanos", "int")];

/// The decisions, as names and numbers.
pub(super) const DECISIONS: &[(&str, i64)] = &[
    ("ALLOWLIST", 1),
    ("ALLOWLIST_COMPILER", 2),
    ("BLOCKLIST", 3),
    ("SILENT_BLOCKLIST", 4),
    ("SILENT_GUI_BLOCKLIST", 9),
    ("SILENT_TTY_BLOCKLIST", 10),
];

/// The names of types, which are values.
const TYPES: &[&str] = &[
    "bool", "int", "uint", "double", "string", "bytes", "list(A)", "map(A,B)",
];

/// Functions with their overloads: the types of the parameters and of the result. A leading dot marks a method, whose
/// first parameter is the receiver.
const FUNCTIONS: &[(&str, &[&str])] = &[
    ("_&&_", &["bool,bool:bool"]),
    ("_||_", &["bool,bool:bool"]),
    ("!_", &["bool:bool"]),
    ("@not_strictly_false", &["bool:bool"]),
    ("_?_:_", &["bool,A,A:A"]),
    ("_==_", &["A,A:bool"]),
    ("_!=_", &["A,A:bool"]),
    ("_<_", COMPARISON),
    ("_<=_", COMPARISON),
    ("_>_", COMPARISON),
    ("_>=_", COMPARISON),
    (
        "_+_",
        &[
            "int,int:int",
            "double,double:double",
            "uint,uint:uint",
            "duration,duration:duration",
            "duration,timestamp:timestamp",
            "timestamp,duration:timestamp",
            "bytes,bytes:bytes",
            "string,string:string",
            "list(A),list(A):list(A)",
        ],
    ),
    (
        "_-_",
        &[
            "int,int:int",
            "uint,uint:uint",
            "double,double:double",
            "duration,duration:duration",
            "timestamp,duration:timestamp",
            "timestamp,timestamp:duration",
        ],
    ),
    ("_*_", ARITHMETIC),
    ("_/_", ARITHMETIC),
    ("_%_", &["int,int:int", "uint,uint:uint"]),
    ("-_", &["int:int", "double:double"]),
    ("_[_]", &["list(A),int:A", "map(A,B),A:B"]),
    ("@in", &["A,list(A):bool", "A,map(A,B):bool"]),
    (
        "size",
        &[
            "list(A):int",
            ".list(A):int",
            "map(A,B):int",
            ".map(A,B):int",
            "bytes:int",
            ".bytes:int",
            "string:int",
            ".string:int",
        ],
    ),
    ("dyn", &["A:dyn"]),
    ("type", &["A:type(A)"]),
    ("bool", &["bool:bool", "string:bool"]),
    (
        "int",
        &[
            "int:int",
            "uint:int",
            "double:int",
            "string:int",
            "timestamp:int",
            "duration:int",
        ],
    ),
    (
        "uint",
        &["uint:uint", "int:uint", "double:uint", "string:uint"],
    ),
    (
        "double",
        &[
            "double:double",
            "int:double",
            "uint:double",
            "string:double",
        ],
    ),
    (
        "string",
        &[
            "string:string",
            "bytes:string",
            "bool:string",
            "double:string",
            "int:string",
            "uint:string",
            "timestamp:string",
            "duration:string",
        ],
    ),
    ("bytes", &["bytes:bytes", "string:bytes"]),
    (
        "timestamp",
        &["timestamp:timestamp", "string:timestamp", "int:timestamp"],
    ),
    (
        "duration",
        &["duration:duration", "string:duration", "int:duration"],
    ),
    ("contains", STRING_TEST),
    ("startsWith", STRING_TEST),
    ("endsWith", STRING_TEST),
    ("matches", &[".string,string:bool", "string,string:bool"]),
    ("getFullYear", TIMESTAMP_PART),
    ("getMonth", TIMESTAMP_PART),
    ("getDayOfYear", TIMESTAMP_PART),
    ("getDayOfMonth", TIMESTAMP_PART),
    ("getDate", TIMESTAMP_PART),
    ("getDayOfWeek", TIMESTAMP_PART),
    ("getHours", TIME_PART),
    ("getMinutes", TIME_PART),
    ("getSeconds", TIME_PART),
    ("getMilliseconds", TIME_PART),
    ("charAt", &[".string,int:string"]),
    ("indexOf", POSITION),
    ("lastIndexOf", POSITION),
    (
        "join",
        &[".list(string):string", ".list(string),string:string"],
    ),
    (
        "split",
        &[
            ".string,string:list(string)",
            ".string,string,int:list(string)",
        ],
    ),
    ("lowerAscii", STRING_CHANGE),
    ("upperAscii", STRING_CHANGE),
    ("trim", STRING_CHANGE),
    ("reverse", STRING_CHANGE),
    (
        "replace",
        &[
            ".string,string,string:string",
            ".string,string,string,int:string",
        ],
    ),
    (
        "substring",
        &[".string,int:string", ".string,int,int:string"],
    ),
    ("format", &[".string,list(dyn):string"]),
    ("strings.quote", &["string:string"]),
];

const COMPARISON: &[&str] = &[
    "int,int:bool",
    "uint,uint:bool",
    "double,double:bool",
    "bool,bool:bool",
    "string,string:bool",
    "bytes,bytes:bool",
    "duration,duration:bool",
    "timestamp,timestamp:bool",
];
const ARITHMETIC: &[&str] = &["int,int:int", "uint,uint:uint", "double,double:double"];
const STRING_TEST: &[&str] = &[".string,string:bool"];
const STRING_CHANGE: &[&str] = &[".string:string"];
const POSITION: &[&str] = &[".string,string:int", ".string,string,int:int"];
const TIMESTAMP_PART: &[&str] = &[".timestamp:int", ".timestamp,string:int"];
const TIME_PART: &[&str] = &[".timestamp:int", ".timestamp,string:int", ".duration:int"];

/// An overload of a function.
#[derive(Debug)]
pub(super) struct Overload {
    pub(super) is_method: bool,
    pub(super) parameters: Vec<Type>,
    pub(super) result: Type,
}

/// All declared names.
#[derive(Debug)]
pub(super) struct Declarations {
    values: HashMap<String, Type>,
    functions: HashMap<&'static str, Vec<Overload>>,
    fields: HashMap<&'static str, HashMap<&'static str, Type>>,
}

impl Declarations {
    /// The names of version 1.
    pub(super) fn new() -> Self {
        let mut values: HashMap<String, Type> = VARIABLES
            .iter()
            .map(|(name, of)| ((*name).to_owned(), parse(of)))
            .collect();
        for (name, _) in DECISIONS {
            values.insert((*name).to_owned(), Type::Int);
            values.insert(format!("santa.cel.v1.ReturnValue.{name}"), Type::Int);
        }
        for name in [
            "santa.cel.v1.ReturnValue.UNSPECIFIED",
            "google.protobuf.NullValue.NULL_VALUE",
        ] {
            values.insert(name.to_owned(), Type::Int);
        }
        for text in TYPES {
            let name = text.split('(').next().unwrap_or_default();
            values.insert(name.to_owned(), Type::of_type(parse(text)));
        }
        values.insert("null_type".to_owned(), Type::of_type(Type::Null));
        values.insert("type".to_owned(), Type::of_type(Type::Metatype(None)));
        for (name, of) in [
            ("google.protobuf.Timestamp", Type::Timestamp),
            ("google.protobuf.Duration", Type::Duration),
            (CONTEXT, Type::Message(CONTEXT)),
            (FILE, Type::Message(FILE)),
        ] {
            values.insert(name.to_owned(), Type::of_type(of));
        }
        let overloads = |texts: &[&str]| texts.iter().map(|text| overload(text)).collect();
        let functions = FUNCTIONS.iter();
        let fields = |fields: &'static [(&'static str, &str)]| {
            fields
                .iter()
                .map(|(name, of)| (*name, parse(of)))
                .collect::<HashMap<_, _>>()
        };
        Self {
            values,
            functions: functions
                .map(|(name, texts)| (*name, overloads(texts)))
                .collect(),
            fields: HashMap::from([
                (CONTEXT, fields(VARIABLES)),
                (FILE, fields(FILE_FIELDS)),
                ("google.protobuf.Timestamp", fields(TIME_FIELDS)),
                ("google.protobuf.Duration", fields(TIME_FIELDS)),
            ]),
        }
    }

    /// The type of a variable, a constant, or the name of a type.
    pub(super) fn value(&self, name: &str) -> Option<&Type> {
        self.values.get(name)
    }

    /// The overloads of a function.
    pub(super) fn function(&self, name: &str) -> Option<&[Overload]> {
        self.functions.get(name).map(Vec::as_slice)
    }

    /// The fields of a message, by its full name.
    pub(super) fn fields(&self, message: &str) -> Option<&HashMap<&'static str, Type>> {
        self.fields.get(message)
    }
}

fn overload(text: &str) -> Overload {
    let (parameters, result) = text.split_once(':').unwrap_or_default();
    let method = parameters.strip_prefix('.');
    Overload {
        is_method: method.is_some(),
        parameters: list(method.unwrap_or(parameters)),
        result: parse(result),
    }
}

/// Parses a comma-separated list of types.
fn list(text: &str) -> Vec<Type> {
    let (mut depth, mut start) = (0_u32, 0);
    let mut types = Vec::new();
    for (at, mark) in text.char_indices() {
        match mark {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                types.push(parse(text.get(start..at).unwrap_or_default()));
                start = at + 1;
            }
            _ => {}
        }
    }
    types.push(parse(text.get(start..).unwrap_or_default()));
    types
}

fn parse(text: &str) -> Type {
    if let Some((name, inner)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let mut inner = list(inner).into_iter();
        let mut next = || inner.next().unwrap_or(Type::Dyn);
        return match name {
            "list" => Type::list(next()),
            "map" => Type::map(next(), next()),
            _ => Type::of_type(next()),
        };
    }
    match text {
        "null" => Type::Null,
        "bool" => Type::Bool,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "timestamp" => Type::Timestamp,
        "duration" => Type::Duration,
        "A" => Type::Parameter('A'),
        "B" => Type::Parameter('B'),
        FILE => Type::Message(FILE),
        _ => Type::Dyn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_in_the_tables_is_parsed_and_displayed_unchanged() {
        let overloads = FUNCTIONS.iter().flat_map(|(_, texts)| texts.iter());
        for text in overloads {
            let read = overload(text);
            let name = |of: &Type| match of {
                Type::List(element) if **element == Type::Parameter('A') => "list(A)".to_owned(),
                Type::Map(_) => "map(A,B)".to_owned(),
                Type::Metatype(_) => "type(A)".to_owned(),
                Type::Parameter(letter) => letter.to_string(),
                other => other.to_string(),
            };
            let parameters: Vec<String> = read.parameters.iter().map(name).collect();
            let point = if read.is_method { "." } else { "" };
            let again = format!("{point}{}:{}", parameters.join(","), name(&read.result));
            assert_eq!(again, **text);
        }
        for (name, of) in VARIABLES.iter().chain(FILE_FIELDS).chain(TIME_FIELDS) {
            assert_eq!(parse(of).to_string().replace(", ", ","), *of, "{name}");
        }
    }
}
