//! What a server answers to a bulk delete, held against what it was asked.

use std::collections::HashSet;

use serde::Deserialize;

/// What stays of the objects that were to be deleted, if the answer names each of them once, and no other.
///
/// `object_store` takes an object that is not named for deleted, and panics over one that it did not ask for.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
pub(crate) fn left(asked: &[u8], answer: &[u8]) -> Result<Vec<String>, String> {
    let Delete { object } = parse(asked)?;
    let DeleteResult { objects } = parse(answer)?;
    let mut asked: HashSet<_> = object.into_iter().map(|Entry { key }| key).collect();
    let mut left = Vec::new();
    for object in objects {
        let (Deleted::Deleted(Entry { key }) | Deleted::Error(Entry { key })) = &object;
        if !asked.remove(key) {
            return Err(format!("`{key}` was not to be deleted, or is named twice"));
        }
        if let Deleted::Error(Entry { key }) = object {
            left.push(key);
        }
    }
    match asked.len() {
        0 => Ok(left),
        silent => Err(format!("nothing is said of {silent} objects that were to be deleted")),
    }
}

/// An answer that says that these stay. It spells names in references: `object_store` takes the word `SlowDown`
/// anywhere in an answer, in a name as well, for the failure of all of it.
pub(crate) fn answer(left: &[String]) -> String {
    // It does not read one without anything in it, and does not look at what is deleted.
    let mut answer = String::from("<DeleteResult><Deleted><Key>-</Key></Deleted>");
    for name in left {
        answer.push_str("<Error><Key>");
        for char in name.chars() {
            answer.push_str(&format!("&#{};", u32::from(char)));
        }
        answer.push_str("</Key><Code>Left</Code><Message>it was not deleted</Message></Error>");
    }
    answer.push_str("</DeleteResult>");
    answer
}

fn parse<'t, T: Deserialize<'t>>(text: &'t [u8]) -> Result<T, String> {
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    quick_xml::de::from_str(text).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delete {
    object: Vec<Entry>,
}

#[derive(Deserialize)]
struct DeleteResult {
    #[serde(rename = "$value", default)]
    objects: Vec<Deleted>,
}

/// What became of an object.
#[derive(Deserialize)]
enum Deleted {
    Deleted(Entry),
    Error(Entry),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    key: String,
}

#[cfg(test)]
mod tests {
    use super::{answer, left};

    const ASKED: &[u8] = b"<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
        <Object><Key>t/a</Key></Object><Object><Key>t/&amp;</Key></Object></Delete>";
    const A: &str = "<Deleted><Key>t/a</Key></Deleted>";
    const AND: &str = "<Deleted><Key>t/&amp;</Key></Deleted>";
    const NOT_A: &str = "<Error><Key>t/a</Key><Code>SlowDown</Code><Message>no</Message></Error>";

    fn left_by(objects: &[&str]) -> Result<Vec<String>, String> {
        let objects = objects.join("\n ");
        let answer =
            format!("<?xml version=\"1.0\"?>\n<DeleteResult>\n {objects}\n</DeleteResult>\n");
        left(ASKED, answer.as_bytes())
    }

    #[test]
    fn an_answer_about_each_object_tells_what_stays() {
        for objects in [[A, AND], [AND, A]] {
            assert_eq!(left_by(&objects), Ok(vec![]));
        }
        for objects in [[NOT_A, AND], [AND, NOT_A]] {
            assert_eq!(left_by(&objects), Ok(vec!["t/a".to_owned()]));
        }
    }

    #[test]
    fn an_answer_about_others_or_not_about_all_is_an_error() {
        let stranger = "<Error><Key>t/b</Key></Error>";
        let lies: [&[_]; 6] =
            [&[], &[A], &[NOT_A], &[A, A, AND], &[A, NOT_A, AND], &[A, AND, stranger]];
        for objects in lies {
            assert!(left_by(objects).is_err(), "{objects:?}");
        }
        for other in ["", "<html><body/></html>", "{}", "<DeleteResult>", "<DeleteResult/>"] {
            assert!(left(ASKED, other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn what_stays_is_said_without_words_that_have_a_meaning() {
        let answer = answer(&["SlowDown".to_owned(), "&".to_owned()]);
        assert!(!answer.contains("SlowDown"), "{answer}");
        let asked = "<Delete><Object><Key>-</Key></Object><Object><Key>SlowDown</Key></Object>\
            <Object><Key>&amp;</Key></Object></Delete>";
        let left = left(asked.as_bytes(), answer.as_bytes()).unwrap();
        assert_eq!(left, ["SlowDown", "&"]);
    }
}
