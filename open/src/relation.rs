use datastore::{Key, Result};

use crate::StoreUrl;
use crate::place::{Place, canonical};

/// How what two URLs reach lies to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// Two stores that share nothing.
    Apart,
    /// One store, in two namespaces that do not meet. It cannot be opened twice at a time: open
    /// [`without_namespace`](StoreUrl::without_namespace) and wrap it twice.
    Beside,
    /// The same entries, or some of them: one namespace holds the other, or one directory or prefix does.
    Overlapping,
}

/// How what `a` and `b` reach lies to each other, whatever way their paths are written: relative or
/// absolute, with `.` and `..`, through symbolic links. Buckets are the same on the same server under the
/// same name; of two names of one server nothing is known.
///
/// # Errors
/// [`ErrorKind::Unavailable`](datastore::ErrorKind::Unavailable) if a path cannot be resolved.
///
/// # Examples
/// ```
/// use datastore_open::{Relation, relation};
///
/// let live = "fjall:data/live".parse()?;
/// assert_eq!(relation(&live, &"fjall:./data/live/".parse()?)?, Relation::Overlapping);
/// assert_eq!(relation(&live, &"fjall:data/backup".parse()?)?, Relation::Apart);
/// # Ok::<(), datastore::Error>(())
/// ```
pub fn relation(a: &StoreUrl, b: &StoreUrl) -> Result<Relation> {
    let (same, nested) = match (a.place()?, b.place()?) {
        (Place::Path(a), Place::Path(b)) => {
            let (a, b) = (canonical(&a)?, canonical(&b)?);
            (a == b, a.starts_with(&b) || b.starts_with(&a))
        }
        (Place::Bucket { server: a_server, path: a }, Place::Bucket { server, path: b })
            if a_server == server =>
        {
            (a == b, a.starts_with(&b) || b.starts_with(&a))
        }
        _ => (false, false),
    };
    Ok(if same {
        relation_of_namespaces(a.namespace()?.as_ref(), b.namespace()?.as_ref())
    } else if nested {
        Relation::Overlapping
    } else {
        Relation::Apart
    })
}

/// Whether `a` and `b` are in one store, in whichever namespaces.
///
/// # Errors
/// As [`relation`].
pub fn same_store(a: &StoreUrl, b: &StoreUrl) -> Result<bool> {
    Ok(relation(a, b)? != Relation::Apart)
}

fn relation_of_namespaces(a: Option<&Key>, b: Option<&Key>) -> Relation {
    match (a, b) {
        (Some(a), Some(b)) if a != b && !a.is_ancestor_of(b) && !b.is_ancestor_of(a) => {
            Relation::Beside
        }
        _ => Relation::Overlapping,
    }
}
