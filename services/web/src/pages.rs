//! The collection of pages and its items, as JSON: `/api/pages` and `/api/pages/{name}`.
//!
//! A page's name is its path without the first slash; a directory's page is its `index.html`.

use alloc::format;
use alloc::string::String;

use service_config::Resource;
use service_core::Quoted;

use crate::digest::Digest;

/// Where the collection is.
pub(crate) const COLLECTION: &str = "/api/pages";
/// Where nodes say something about themselves, so that nothing there is a page.
const API: &str = "/api/";

/// The pages of a site, while they are collected.
pub(crate) struct Pages {
    items: String,
    count: usize,
}

impl Pages {
    pub(crate) const fn new() -> Self {
        Self { items: String::new(), count: 0 }
    }

    /// Adds a page; returns the path of its item and what that says, `None` for what is no page.
    pub(crate) fn add(&mut self, page: &Resource, digest: &Digest) -> Option<(String, String)> {
        let path = page.path.strip_prefix('/').filter(|_| !page.path.starts_with(API))?;
        let index = if path.is_empty() || path.ends_with('/') { "index.html" } else { "" };
        let name = format!("{path}{index}");
        let at = format!("{COLLECTION}/{name}");
        let item = format!(
            r#"{{"name":{},"type":{},"size":{},"sha256":"{}","etag":{},"links":{{"self":{},"content":{},"collection":"{COLLECTION}"}}}}"#,
            Quoted(&name),
            Quoted(&page.media_type),
            page.body.as_bytes().len(),
            digest.sha256,
            Quoted(&digest.etag),
            Quoted(&at),
            Quoted(&page.path),
        );
        if self.count > 0 {
            self.items.push(',');
        }
        self.items.push_str(&item);
        self.count += 1;
        Some((at, item + "\n"))
    }

    /// What the collection says.
    pub(crate) fn collection(&self) -> String {
        let Self { items, count } = self;
        format!(
            "{{\"count\":{count},\"pages\":[{items}],\"links\":{{\"self\":\"{COLLECTION}\"}}}}\n"
        )
    }
}
