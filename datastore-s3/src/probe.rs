//! What a server does with conditions, seen and not believed: some ignore the headers, and
//! then several writers win.

use bytes::Bytes;
use datastore::{Conditions, Result};

use crate::metadata::WriteId;
use crate::names::Names;
use crate::remote::{Remote, When};
use crate::retry::GivenUp;
use crate::tag::TagForm;

/// The conditions that a server holds, and how it wants tags written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) conditions: Conditions,
    pub(crate) tags: TagForm,
}

impl Held {
    pub(crate) fn of(conditions: Conditions) -> Self {
        Self { conditions, tags: TagForm::AsGiven }
    }
}

/// Tries conditions out on an object of the store's own, and removes it.
pub(crate) async fn probe(remote: &Remote, names: &Names) -> Result<Held> {
    let random = WriteId::new().map(WriteId::into_string).unwrap_or_default();
    let name = names.own(&format!("probe-{random}"));
    let held = Probe { remote, name: &name }.run().await;
    let removed = remote.delete(&name).await;
    let place = remote.bucket.place();
    let failed = |given_up: GivenUp| given_up.into_error("trying out conditions", place);
    let held = held.map_err(failed)?;
    removed.map_err(failed)?;
    Ok(held)
}

struct Probe<'p> {
    remote: &'p Remote,
    name: &'p str,
}

impl Probe<'_> {
    async fn run(&self) -> Result<Held, GivenUp> {
        let none = Held::of(Conditions::Unsupported);
        match self.put(&When::Absent).await? {
            Answer::Done => {}
            Answer::Refused | Answer::Unsupported => return Ok(none),
        }
        // The condition of neither holds, so both must be refused.
        let never = When::Tagged(NO_TAG.to_owned());
        let (again, never) = futures::join!(self.put(&When::Absent), self.put(&never));
        if again? != Answer::Refused || never? != Answer::Refused {
            return Ok(none);
        }
        let Some(tags) = self.tag_form().await? else { return Ok(none) };
        let conditions = if self.deletes_hold(tags).await? {
            Conditions::SingleKey
        } else {
            Conditions::SinglePut
        };
        Ok(Held { conditions, tags })
    }

    /// The form of tags under which a condition that holds is seen to hold.
    async fn tag_form(&self) -> Result<Option<TagForm>, GivenUp> {
        for form in [TagForm::AsGiven, TagForm::Unquoted] {
            let Some(tag) = self.tag().await? else { return Ok(None) };
            if self.put(&When::Tagged(form.apply(&tag))).await? == Answer::Done {
                return Ok(Some(form));
            }
        }
        Ok(None)
    }

    async fn deletes_hold(&self, tags: TagForm) -> Result<bool, GivenUp> {
        if self.delete(NO_TAG).await? != Answer::Refused {
            return Ok(false);
        }
        let Some(tag) = self.tag().await? else { return Ok(false) };
        let tag = tags.apply(&tag);
        // The second time there is nothing that could have the tag: of many who delete at once, one wins.
        Ok(self.delete(&tag).await? == Answer::Done && self.delete(&tag).await? == Answer::Refused)
    }

    async fn tag(&self) -> Result<Option<String>, GivenUp> {
        Ok(self.remote.head(self.name).await?.and_then(|head| head.tag))
    }

    async fn put(&self, when: &When) -> Result<Answer, GivenUp> {
        answer(self.remote.put_if(self.name, Bytes::from_static(b"probe"), when).await)
    }

    async fn delete(&self, tag: &str) -> Result<Answer, GivenUp> {
        match self.remote.delete_if(self.name, tag).await {
            Err(given_up) if given_up.failure.is_missing() => Ok(Answer::Refused),
            deleted => answer(deleted),
        }
    }
}

/// A tag that no object has.
const NO_TAG: &str = "\"00000000000000000000000000000000\"";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Done,
    Refused,
    Unsupported,
}

fn answer<T>(result: Result<T, GivenUp>) -> Result<Answer, GivenUp> {
    match result {
        Ok(_) => Ok(Answer::Done),
        Err(given_up) if given_up.failure.is_condition() => Ok(Answer::Refused),
        // Servers that do not know the header on this kind of request say so in several ways.
        Err(given_up) if given_up.failure.is_unsupported() => Ok(Answer::Unsupported),
        Err(given_up) => Err(given_up),
    }
}
