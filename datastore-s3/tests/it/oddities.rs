//! Servers that do otherwise than Amazon's: what is declared of them, and that it holds.

use datastore::{
    Batch, Conditions, Datastore, DatastoreExt, Error, ErrorKind, Found, Key, Version, Want, key,
};
use datastore_s3::{Access, ObjectDatastore, ObjectOptions};
use s3_testing::{Answer, Fault, Oddities, StatusCode};

use crate::harness::{PREFIX, Rig, retry, single_deletes, value};

const WRITERS: usize = 16;

/// Beside others, with conditions that are tried out.
fn probing() -> ObjectOptions {
    ObjectOptions::new().prefix(PREFIX).access(Access::Shared).retry(retry())
}

pub(crate) fn a() -> Key {
    key!("/a")
}

async fn version(store: &impl Datastore) -> Version {
    let found = store.read(&a(), Want::Value).await.unwrap();
    found.as_ref().and_then(Found::version).unwrap()
}

/// Commits what each of many writers wants at once; answers who won. The others lost by the condition.
pub(crate) async fn winners(store: &impl Datastore, batch: impl Fn(usize) -> Batch) -> Vec<usize> {
    let commits = (0..WRITERS).map(|writer| store.commit(batch(writer)));
    let results: Vec<Result<(), Error>> = futures::future::join_all(commits).await;
    let mut winners = Vec::new();
    for (writer, result) in results.into_iter().enumerate() {
        match result {
            Ok(()) => winners.push(writer),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}"),
        }
    }
    winners
}

/// Of many who create, one wins, and of many who update, one.
async fn one_writer_wins(store: &ObjectDatastore) {
    let create = |writer: usize| Batch::new().put(a(), vec![writer as u8]).absent(a());
    let [winner] = winners(store, create).await[..] else { panic!("not one won") };
    assert_eq!(value(store, &a()).await.unwrap(), vec![winner as u8]);
    let seen = version(store).await;
    let update = |writer: usize| {
        Batch::new().put(a(), vec![100 + writer as u8]).unchanged(a(), seen.clone())
    };
    let [winner] = winners(store, update).await[..] else { panic!("not one won") };
    assert_eq!(value(store, &a()).await.unwrap(), vec![100 + winner as u8]);
}

async fn one_deleter_wins(store: &ObjectDatastore) {
    let seen = version(store).await;
    let delete = |_| Batch::new().delete(a()).unchanged(a(), seen.clone());
    assert_eq!(winners(store, delete).await.len(), 1);
    assert_eq!(value(store, &a()).await, None);
}

#[tokio::test]
async fn a_server_that_holds_conditions_lets_one_of_many_win() {
    let rig = Rig::new();
    let store = rig.open(probing()).await;
    assert_eq!(store.capabilities().conditions, Conditions::SingleKey);
    one_writer_wins(&store).await;
    one_deleter_wins(&store).await;
}

#[tokio::test]
async fn a_server_that_wants_bare_tags_gets_them() {
    let rig = Rig::with(Oddities { unquoted_etags_only: true, ..Oddities::default() });
    let store = rig.open(probing()).await;
    assert_eq!(store.capabilities().conditions, Conditions::SingleKey);
    one_writer_wins(&store).await;
    one_deleter_wins(&store).await;
}

#[tokio::test]
async fn a_server_that_ignores_conditions_is_asked_for_none() {
    let rig = Rig::with(Oddities {
        ignores_conditions: true,
        ignores_delete_conditions: true,
        ..Oddities::default()
    });
    for access in [Access::Shared, Access::Write] {
        let store = rig.open(probing().access(access)).await;
        assert_eq!(store.capabilities().conditions, Conditions::Unsupported);
        let error = store.commit(Batch::new().put(a(), "1").absent(a())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(rig.asked(), []);
        store.put(&a(), "1").await.unwrap();
        // Nothing of the trial stays, and without conditions there is no lease.
        assert_eq!(rig.server.names(), ["t/a", "t/~~datastore/format"]);
    }
}

#[tokio::test]
async fn a_server_that_ignores_conditions_on_deletes_holds_those_on_puts() {
    let rig = Rig::with(Oddities { ignores_delete_conditions: true, ..Oddities::default() });
    let store = rig.open(probing()).await;
    assert_eq!(store.capabilities().conditions, Conditions::SinglePut);
    one_writer_wins(&store).await;
    let seen = version(&store).await;
    rig.proxy.clear();
    let delete = Batch::new().delete(a()).unchanged(a(), seen);
    assert_eq!(store.commit(delete).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(rig.asked(), []);
}

#[tokio::test]
async fn a_server_that_deletes_what_is_gone_whatever_the_tag_holds_conditions_on_puts_alone() {
    let rig = Rig::new();
    // Tried out are a delete under a tag that is wrong, one under the right one, and that once more.
    let done = Answer::error(StatusCode::NO_CONTENT, "");
    rig.proxy.on(single_deletes().nth(3), Fault::Answer(done));
    let store = probing().open(rig.bucket()).await.unwrap();
    assert_eq!(store.capabilities().conditions, Conditions::SinglePut);
}

#[tokio::test]
async fn a_trial_that_fails_is_no_answer() {
    let rig = Rig::new();
    rig.store().await;
    rig.proxy.on(single_deletes(), Fault::Answer(Answer::access_denied()));
    let error = probing().open(rig.bucket()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}
