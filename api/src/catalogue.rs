//! Which languages are served: what all Language objects together mean. The operator and the front door see the same.

use std::collections::BTreeMap;

use locus_languages::UnknownLanguage;

use crate::Language;

/// A language that is served.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// The name of its object, which no other language has.
    pub object: String,
    /// The generation of its object.
    pub generation: i64,
    /// How it is called and how its programs run.
    pub language: locus_languages::Language,
    /// The image that they run in.
    pub image: String,
}

impl AsRef<locus_languages::Language> for Served {
    fn as_ref(&self) -> &locus_languages::Language {
        &self.language
    }
}

impl Served {
    fn of(object: &Language) -> Self {
        let name = object.metadata.name.clone().unwrap_or_default();
        Self {
            language: object.spec.language(&name),
            image: object.spec.image.clone(),
            generation: object.metadata.generation.unwrap_or_default(),
            object: name,
        }
    }

    /// The selector that means it and no other.
    #[must_use]
    pub fn selector(&self) -> String {
        format!("{}@{}", self.language.id, self.language.version)
    }

    /// Why it can't be served beside another one.
    fn conflict(&self, other: &Self) -> Option<Refusal> {
        let refused = |message: String| Some(Refusal { reason: Refusal::NAME_TAKEN, message });
        let (id, object) = (&self.language.id, &other.object);
        if *id != other.language.id {
            let taken = self.language.names().find(|name| other.language.names().any(|theirs| theirs == *name))?;
            return refused(format!(
                "the name {taken} belongs to language {object}: choose another id, or leave {taken} out of aliases"
            ));
        }
        if self.language.version == other.language.version {
            return refused(format!("language {object} is {} already: choose another id or version", self.selector()));
        }
        if self.language.default && other.language.default {
            return refused(format!(
                "language {object} is the default version of {id} already: set default to false, and this one is \
                 served as {}; or choose another id",
                self.selector()
            ));
        }
        None
    }
}

/// Why an object is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason in one word, as in its condition.
    pub reason: &'static str,
    /// What to do.
    pub message: String,
}

impl Refusal {
    /// A name or version of it belongs to another one.
    pub const NAME_TAKEN: &'static str = "NameTaken";
    /// It can't be served as it is written.
    pub const INVALID_SPEC: &'static str = "InvalidSpec";
}

/// All languages that are served.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    served: Vec<Served>,
    refused: BTreeMap<String, Refusal>,
}

impl Catalogue {
    /// What these objects mean, in whatever order they come. Default versions go before others, since those have no
    /// names of their own; then the oldest object goes first, and of objects of one second the first by its name.
    #[must_use]
    pub fn of<'a>(objects: impl IntoIterator<Item = &'a Language>) -> Self {
        let mut objects: Vec<&Language> = objects.into_iter().collect();
        objects.sort_by_key(|object| {
            let metadata = &object.metadata;
            let created = metadata.creation_timestamp.as_ref().map(|time| time.0);
            (object.spec.default == Some(false), created, metadata.name.as_deref())
        });
        let mut catalogue = Self::default();
        for object in objects {
            let candidate = Served::of(object);
            match catalogue.refuse(&candidate) {
                Some(refusal) => drop(catalogue.refused.insert(candidate.object, refusal)),
                None => catalogue.served.push(candidate),
            }
        }
        catalogue
    }

    fn refuse(&self, candidate: &Served) -> Option<Refusal> {
        let id = &candidate.language.id;
        if !candidate.language.default && !self.served.iter().any(|other| other.language.id == *id) {
            let message = format!(
                "no version of {id} is served by default: leave default out here, or apply the default version of {id}"
            );
            return Some(Refusal { reason: Refusal::INVALID_SPEC, message });
        }
        self.served.iter().find_map(|other| candidate.conflict(other))
    }

    /// What a selector means.
    ///
    /// # Errors
    /// [`UnknownLanguage`] lists the languages that are served.
    pub fn find(&self, selector: &str) -> Result<&Served, UnknownLanguage> {
        locus_languages::find(&self.served, selector)
    }

    /// All that are served: default versions first, the oldest first.
    #[must_use]
    pub fn served(&self) -> &[Served] {
        &self.served
    }

    /// What the object of this name is served as.
    #[must_use]
    pub fn of_object(&self, name: &str) -> Option<&Served> {
        self.served.iter().find(|served| served.object == name)
    }

    /// Why the object of this name is not served.
    #[must_use]
    pub fn refusal(&self, name: &str) -> Option<&Refusal> {
        self.refused.get(name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Catalogue;
    use crate::Language;

    fn object(name: &str, second: u8, spec: &Value) -> Language {
        let mut whole = json!({"name": name, "version": "1", "fileName": "main", "image": name, "run": ["it"]});
        whole.as_object_mut().expect("an object").extend(spec.as_object().expect("an object").clone());
        let created = format!("2026-01-01T00:00:{second:02}Z");
        serde_json::from_value(json!({
            "apiVersion": "locus.dev/v1alpha1", "kind": "Language",
            "metadata": {"name": name, "generation": 3, "creationTimestamp": created}, "spec": whole
        }))
        .expect("a Language")
    }

    fn refusals(catalogue: &Catalogue, objects: &[Language]) -> Vec<(String, &'static str)> {
        let names = objects.iter().filter_map(|object| object.metadata.name.clone());
        names.filter_map(|name| catalogue.refusal(&name).map(|refusal| (name.clone(), refusal.reason))).collect()
    }

    /// What comes of objects, whichever is seen first.
    fn of(objects: &[Language]) -> Catalogue {
        let catalogue = Catalogue::of(objects);
        assert_eq!(Catalogue::of(objects.iter().rev()), catalogue);
        catalogue
    }

    #[test]
    fn a_language_is_found_by_its_names_and_versions_and_says_its_image() {
        let objects = [
            object("cpp", 0, &json!({"id": "c++", "aliases": ["cxx"], "version": "14.2"})),
            object("cpp-12", 1, &json!({"id": "c++", "version": "12", "default": false})),
        ];
        let catalogue = of(&objects);
        for (selector, image) in
            [("c++", "cpp"), ("cxx", "cpp"), ("c++@14", "cpp"), ("cxx@14.2", "cpp"), ("c++@12", "cpp-12")]
        {
            let served = catalogue.find(selector).expect("it is served");
            assert_eq!((served.image.as_str(), served.object.as_str()), (image, image), "{selector}");
        }
        let error = catalogue.find("cpp").expect_err("that is the object's name").to_string();
        assert!(error.ends_with("choose one of: c++, c++@12"), "{error}");
        assert_eq!(catalogue.of_object("cpp-12").map(super::Served::selector).as_deref(), Some("c++@12"));
    }

    #[test]
    fn a_name_belongs_to_the_oldest_and_of_one_second_to_the_first_in_the_alphabet() {
        let objects = [
            object("zebra", 0, &json!({"aliases": ["stripes"]})),
            object("b", 1, &json!({"aliases": ["stripes"]})),
            object("d", 1, &json!({"aliases": ["x"]})),
            object("c", 1, &json!({"aliases": ["x"]})),
            object("x", 2, &json!({})),
            object("stripes", 2, &json!({"id": "free"})),
        ];
        let catalogue = of(&objects);
        let taken = ["b", "d", "x"].map(|name| (name.to_owned(), "NameTaken"));
        assert_eq!(refusals(&catalogue, &objects), taken);
        assert_eq!(catalogue.find("x").expect("it is served").object, "c");
        let message = &catalogue.refusal("b").expect("it is refused").message;
        assert!(message.contains("the name stripes belongs to language zebra"), "{message}");
    }

    #[test]
    fn a_name_is_free_again_when_the_one_that_had_it_is_refused_itself() {
        let objects = [
            object("a", 0, &json!({})),
            object("b", 1, &json!({"aliases": ["a", "shared"]})),
            object("c", 2, &json!({"aliases": ["shared"]})),
        ];
        let catalogue = of(&objects);
        assert_eq!(refusals(&catalogue, &objects), [("b".to_owned(), "NameTaken")]);
        assert_eq!(catalogue.find("shared").expect("it is served").object, "c");
    }

    #[test]
    fn one_version_of_an_id_is_its_default_and_no_version_stands_twice() {
        let version = |version: &str, default: bool| json!({"id": "it", "version": version, "default": default});
        let objects = [
            object("late", 5, &version("2", true)),
            object("default", 3, &version("1", true)),
            object("older", 1, &version("0.9", false)),
            object("twice", 4, &version("0.9", false)),
            object("alone", 0, &json!({"default": false})),
        ];
        let catalogue = of(&objects);
        let refused = [("late", "NameTaken"), ("twice", "NameTaken"), ("alone", "InvalidSpec")];
        assert_eq!(refusals(&catalogue, &objects), refused.map(|(name, reason)| (name.to_owned(), reason)));
        assert_eq!(catalogue.find("it").expect("it is served").object, "default");
        assert_eq!(catalogue.served().len(), 2);
        let message = &catalogue.refusal("late").expect("it is refused").message;
        assert!(message.contains("set default to false") && message.contains("it@2"), "{message}");
    }
}
