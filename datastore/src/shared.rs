//! A shared store is a store: the forwarding keeps one boxed future a call.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::{Batch, Capabilities, CheckReport, Datastore, Found, Key, Page, Query, Result, Want};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

macro_rules! forward {
    ($pointer:ident) => {
        impl<S: Datastore + ?Sized> Datastore for $pointer<S> {
            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }

            fn read<'s, 'k, 'r>(&'s self, key: &'k Key, want: Want) -> Boxed<'r, Option<Found>>
            where
                's: 'r,
                'k: 'r,
                Self: 'r,
            {
                (**self).read(key, want)
            }

            fn query_page<'s, 'q, 'r>(&'s self, query: &'q Query) -> Boxed<'r, Page>
            where
                's: 'r,
                'q: 'r,
                Self: 'r,
            {
                (**self).query_page(query)
            }

            fn commit<'s, 'r>(&'s self, batch: Batch) -> Boxed<'r, ()>
            where
                's: 'r,
                Self: 'r,
            {
                (**self).commit(batch)
            }

            fn snapshot<'s, 'r>(&'s self) -> Boxed<'r, Arc<dyn Datastore>>
            where
                's: 'r,
                Self: 'r,
            {
                (**self).snapshot()
            }

            fn sync<'s, 'r>(&'s self) -> Boxed<'r, ()>
            where
                's: 'r,
                Self: 'r,
            {
                (**self).sync()
            }

            fn disk_usage<'s, 'r>(&'s self) -> Boxed<'r, u64>
            where
                's: 'r,
                Self: 'r,
            {
                (**self).disk_usage()
            }

            fn compact<'s, 'r>(&'s self) -> Boxed<'r, ()>
            where
                's: 'r,
                Self: 'r,
            {
                (**self).compact()
            }

            fn check<'s, 'r>(&'s self) -> Boxed<'r, CheckReport>
            where
                's: 'r,
                Self: 'r,
            {
                (**self).check()
            }

            fn close<'s, 'r>(&'s self) -> Boxed<'r, ()>
            where
                's: 'r,
                Self: 'r,
            {
                (**self).close()
            }
        }
    };
}

forward!(Arc);
forward!(Box);
