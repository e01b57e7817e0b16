//! Image layouts on disk.

use std::fs;
use std::sync::atomic::AtomicBool;

use bookend_package::document::Platform;
use bookend_package::filter::Layout;
use bookend_package::verify::{Content, Place, verify};
use bookend_package::{Epoch, Extras, layout};

use crate::fake::Scratch;
use crate::{arm64, enforcer_image, filter_image};

#[tokio::test]
async fn a_layout_is_read_back_as_it_was_written_from_a_directory_and_from_an_archive() {
    let scratch = Scratch::new("layout");
    let extras = Extras::default();
    let images = [
        filter_image(&scratch, Layout::OciImage, &extras),
        enforcer_image(&scratch, &[Platform::usual(), arm64()], &extras),
    ];
    for name in ["images", "images.tar"] {
        let path = scratch.path().join(name);
        layout::write(&images, &path, Epoch::default(), &AtomicBool::new(false)).unwrap();
        let read = layout::Layout::open(&path).unwrap();
        let filter = verify(Place::Layout(&read, Some("filter"))).await.unwrap();
        assert_eq!(filter.digest, images[0].descriptor().digest);
        assert!(matches!(filter.content, Content::Filter { pin, .. } if pin == filter.digest));
        let enforcer = verify(Place::Layout(&read, Some("enforcer"))).await.unwrap();
        assert_eq!(enforcer.digest, images[1].descriptor().digest);
        let Content::Enforcer(platforms) = enforcer.content else { panic!("an enforcer") };
        assert_eq!(platforms.len(), 2);
        let told = read.image(None).unwrap_err().to_string();
        assert!(told.contains("holds the images `filter`, `enforcer`; say which one"), "{told}");
        let told = read.image(Some("other")).unwrap_err().to_string();
        assert!(told.contains("there is no image `other`"), "{told}");
    }
}

#[test]
fn archives_of_the_same_images_are_equal_to_the_byte() {
    let scratch = Scratch::new("archive");
    let images = [filter_image(&scratch, Layout::Artifact, &Extras::default())];
    let [first, second] = ["a.tar", "b.tar"].map(|name| {
        let path = scratch.path().join(name);
        layout::write(&images, &path, Epoch::default(), &AtomicBool::new(false)).unwrap();
        fs::read(path).unwrap()
    });
    assert_eq!(first, second);
}

#[test]
fn nothing_is_written_over() {
    let scratch = Scratch::new("over");
    let images = [filter_image(&scratch, Layout::OciImage, &Extras::default())];
    let path = scratch.write("images/kept", b"kept").parent().unwrap().to_owned();
    let told =
        layout::write(&images, &path, Epoch::default(), &AtomicBool::new(false)).unwrap_err().to_string();
    assert!(told.contains("exists already, and nothing is written over"), "{told}");
    assert_eq!(fs::read(path.join("kept")).unwrap(), b"kept");
}

#[test]
fn an_interruption_and_a_failure_leave_nothing_behind() {
    let scratch = Scratch::new("interrupted");
    let images = [filter_image(&scratch, Layout::OciImage, &Extras::default())];
    fs::create_dir(scratch.path().join("out")).unwrap();
    for name in ["images", "images.tar"] {
        let path = scratch.path().join("out").join(name);
        let told =
            layout::write(&images, &path, Epoch::default(), &AtomicBool::new(true)).unwrap_err().to_string();
        assert_eq!(told, "interrupted; nothing was left behind");
    }
    assert_eq!(fs::read_dir(scratch.path().join("out")).unwrap().count(), 0);
    let nowhere = scratch.path().join("no/such/directory/images.tar");
    let told =
        layout::write(&images, &nowhere, Epoch::default(), &AtomicBool::new(false)).unwrap_err().to_string();
    assert!(told.starts_with("cannot write"), "{told}");
}

#[tokio::test]
async fn a_layout_that_was_changed_is_not_believed() {
    let scratch = Scratch::new("changed");
    let images = [filter_image(&scratch, Layout::OciImage, &Extras::default())];
    let path = scratch.path().join("images");
    layout::write(&images, &path, Epoch::default(), &AtomicBool::new(false)).unwrap();
    let layer = path.join("blobs/sha256").join(images[0].blobs[0].descriptor.digest.hex());
    let mut bytes = fs::read(&layer).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&layer, bytes).unwrap();
    let read = layout::Layout::open(&path).unwrap();
    let told = verify(Place::Layout(&read, None)).await.unwrap_err().to_string();
    assert!(told.contains("has other content than its name says"), "{told}");
    fs::remove_file(path.join("oci-layout")).unwrap();
    let told = layout::Layout::open(&path).unwrap_err().to_string();
    assert!(
        told.contains("is not a whole OCI image layout") && told.contains("`oci-layout` cannot be read"),
        "{told}"
    );
}
