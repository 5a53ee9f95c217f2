use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use object_store::path::Path;
use object_store::signer::{HeaderName, HeaderValue, Method, SignedUrlOptions, Signer};

use crate::failure::Failure;

/// Deletes an object if it still has a tag: S3 takes `If-Match` on `DELETE`, and
/// `object_store` has no word for it.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html>
#[derive(Clone)]
pub(crate) struct ConditionalDelete {
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) client: HttpClient,
}

impl ConditionalDelete {
    pub(crate) async fn delete(&self, name: &Path, tag: &str) -> Result<(), Failure> {
        let tag = HeaderValue::from_str(tag).map_err(|error| Failure::Other(error.to_string()))?;
        let header = HeaderName::from_static("if-match");
        let options = SignedUrlOptions::new().with_signed_header(header.clone(), tag.clone());
        let url = self.signer.signed_url_opts(Method::DELETE, name, SIGNED_FOR, &options).await?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = Method::DELETE;
        request.headers_mut().insert(header, tag);
        let url = url.as_str().parse();
        // The message of the error holds no part of the URL, which is signed.
        *request.uri_mut() = url.map_err(|_| Failure::Other("the URL is not one".into()))?;
        self.client.execute(request).await?;
        Ok(())
    }
}

const SIGNED_FOR: Duration = Duration::from_secs(300);

impl fmt::Debug for ConditionalDelete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Signers print credentials.
        f.write_str("ConditionalDelete")
    }
}
