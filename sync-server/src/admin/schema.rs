//! What ids, names and moments look like in the API's description.
//!
//! The types are never made; they stand in for types of other crates that know nothing of OpenAPI.

use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

macro_rules! stand_in {
    ($(#[$doc:meta])* $name:ident = $schema:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T(Schema::Object($schema))
            }
        }

        impl ToSchema for $name {}
    };
}

stand_in!(
    /// A FHIR R4 id.
    FhirId = text("A FHIR R4 id.", 1, 64, "^[A-Za-z0-9.-]{1,64}$", "x1")
);
stand_in!(
    /// An id of 16 bytes.
    HexId = text("16 bytes, hexadecimal.", 32, 32, "^[0-9a-f]{32}$", "00000000000000000000000000000000")
);
stand_in!(
    /// 32 bytes: a key or a hash.
    HexHash = text("32 bytes, hexadecimal.", 64, 64, "^[0-9a-f]{64}$", &"0".repeat(64))
);
stand_in!(
    /// An Ed25519 signature.
    HexSignature = text("64 bytes, hexadecimal.", 128, 128, "^[0-9a-f]{128}$", &"0".repeat(128))
);
stand_in!(
    /// A name for people.
    Name = text("A name for people, without control characters.", 1, 200, r"^\P{Cc}{1,200}$", "North Clinic")
);
stand_in!(
    /// A v3-ActCode category.
    Category = text("A v3-ActCode category.", 1, 64, "^[A-Za-z0-9.-]{1,64}$", "PSY")
);
stand_in!(
    /// A compartment of charts.
    CompartmentName = choice("A compartment of charts.", sync_protocol::Compartment::ALL.map(|c| c.as_str()))
);
stand_in!(
    /// A compartment of patients' charts.
    ChartCompartment = {
        let of_charts = sync_protocol::Compartment::ALL.into_iter().filter(|c| *c != sync_protocol::Compartment::Directory);
        choice("A compartment of patients' charts.", of_charts.map(|c| c.as_str()))
    }
);
stand_in!(
    /// A moment.
    Moment = number("Milliseconds since the Unix epoch, UTC.", 0)
);
stand_in!(
    /// A time from now.
    Duration = number("Milliseconds from now.", 1)
);

/// Who receives a grant.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "kebab-case")]
pub enum Grantee {
    /// Every practitioner of an organization, within their role.
    Organization(FhirId),
    /// One practitioner, at whatever organization they act for.
    Practitioner(FhirId),
}

/// A provision within another, of the opposite effect; it goes before that one where it applies.
#[derive(Debug, ToSchema)]
pub struct Exception {
    /// Opens or closes.
    pub effect: crate::access::Effect,
    /// For whom; for everyone if nobody is named.
    pub actors: Option<Vec<Grantee>>,
    /// Which compartments.
    pub compartments: Option<Vec<ChartCompartment>>,
    /// Which sensitive categories (v3-ActCode).
    pub categories: Option<Vec<Category>>,
    /// Whether what is opened may also be written.
    pub may_write: Option<bool>,
    /// From when to when.
    pub period: Option<crate::access::Period>,
}

fn text(description: &str, least: usize, most: usize, pattern: &str, example: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .min_length(Some(least))
        .max_length(Some(most))
        .pattern(Some(pattern))
        .examples([example])
        .build()
}

fn choice(description: &str, names: impl IntoIterator<Item = &'static str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description)).enum_values(Some(names)).build()
}

fn number(description: &str, least: i64) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .description(Some(description))
        .minimum(Some(least))
        .build()
}
