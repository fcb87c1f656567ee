//! Who is in a world: organizations, practitioners, what they may see, and their devices.

use sync_protocol::frame::Enrolled;
use sync_protocol::identity::SecretKey;
use sync_protocol::session::{ClientEvent, ClientSession, Intent};
use sync_protocol::{Compartment, OrganizationId, PatientId, PractitionerId, UnixMillis};
use sync_server::access::{Affiliation, Grant, Grantee, PractitionerRole, Role};
use sync_server::relay::Relay;
use sync_server::store::{PractitionerRecord, StoreError};

use super::{Node, Site, World};

/// Address that devices are enrolled with; nothing is dialled in a world.
const URL: &str = "ws://localhost/sync";
/// Compartments that a usual sharing opens.
pub(super) const CLINICAL: [Compartment; 4] =
    [Compartment::Core, Compartment::Encounter, Compartment::Results, Compartment::Workflow];

/// Sensitive categories (v3-ActCode) that physicians of a practice may see.
const SENSITIVE: [&str; 5] = ["ETH", "PSY", "HIV", "SUD", "SDV"];

/// The id of an organization.
#[must_use]
pub fn organization(id: &str) -> OrganizationId {
    OrganizationId::new(id).unwrap()
}

/// The id of a practitioner.
#[must_use]
pub fn practitioner(id: &str) -> PractitionerId {
    PractitionerId::new(id).unwrap()
}

impl World {
    /// Does something as an administrator; what follows from it is sent.
    pub fn administer<T>(&mut self, act: impl FnOnce(&mut Relay, UnixMillis) -> Result<T, StoreError>) -> T {
        let now = self.now;
        let (done, outgoing) = self.relay().administer(now, act);
        self.post(outgoing);
        done.unwrap()
    }

    /// Adds an organization.
    pub fn organization(&mut self, id: &str) {
        self.administer(|relay, now| relay.add_organization(organization(id), format!("Clinic {id}"), now));
    }

    /// Adds a practitioner with a role.
    pub fn practitioner(&mut self, id: &str, at: &str, role: Role) {
        let record = PractitionerRecord { id: practitioner(id), name: format!("Dr {id}"), organization: None };
        self.administer(|relay, now| relay.add_practitioner(&record, now));
        self.put_role(id, at, role, &[]);
    }

    /// Gives a practitioner a role, with sensitive categories opened by name.
    pub fn put_role(&mut self, id: &str, at: &str, role: Role, sensitive: &[&str]) {
        let role = role_of(id, at, role, sensitive);
        self.administer(|relay, now| relay.put_role(&role, now));
    }

    /// Takes a role away.
    pub fn remove_role(&mut self, id: &str, at: &str, role: Role) {
        let role = role_of(id, at, role, &[]);
        self.administer(|relay, now| relay.remove_role(&role, now));
    }

    /// Opens clinical compartments of all charts of `of` to `partner`.
    pub fn affiliate(&mut self, of: &str, partner: &str, may_write: bool) {
        let (organization, partner) = (organization(of), organization(partner));
        let affiliation = Affiliation {
            organization,
            partner,
            compartments: CLINICAL.to_vec(),
            may_write,
            patients: Default::default(),
        };
        self.administer(|relay, now| relay.put_affiliation(affiliation, now));
    }

    /// Ends an affiliation.
    pub fn end_affiliation(&mut self, of: &str, partner: &str) {
        let (of, partner) = (organization(of), organization(partner));
        self.administer(|relay, now| relay.remove_affiliation(&of, &partner, now));
    }

    /// Opens the clinical compartments of one chart to an organization for a time; gives the grant's id.
    pub fn grant(&mut self, of: &str, patient: &PatientId, to: &str, may_write: bool, valid_ms: i64) -> String {
        let expires_at = self.now.plus(valid_ms);
        let grant = Grant {
            id: String::new(),
            organization: organization(of),
            patient: patient.clone(),
            grantee: Grantee::Organization(organization(to)),
            compartments: CLINICAL.to_vec(),
            may_write,
            expires_at,
        };
        self.administer(|relay, now| relay.add_grant(grant, now)).id
    }

    /// Ends a grant.
    pub fn end_grant(&mut self, id: &str) {
        self.administer(|relay, now| relay.end_grant(id, now));
    }

    /// Makes a one-time code.
    pub fn enrolment_code(&mut self, at: &str, who: &str, valid_ms: i64) -> String {
        let (organization, practitioner) = (organization(at), practitioner(who));
        self.administer(|relay, now| relay.add_enrolment_code(organization, practitioner, valid_ms, now)).code
    }

    /// Enrols a device for a practitioner. It is offline and does not sync yet.
    pub fn enroll(&mut self, who: &str, at: &str) -> Node {
        let code = self.enrolment_code(at, who, 60_000);
        let node = Node(self.sites.len());
        let dice = self.dice.fork();
        let mut site = Site::new(self.folder.path(), node.0, dice, self.now);
        let secret = site.device.begin_enrolment(URL).unwrap();
        let enrolled = self.try_enroll(secret, &code).expect("the code is good");
        site.device.finish_enrolment(URL, &enrolled, self.now).unwrap();
        self.sites.push(site);
        node
    }

    /// Enrols a key with a code, over frames. `Err`: what the relay said.
    ///
    /// # Errors
    /// The relay's detail.
    pub fn try_enroll(&mut self, secret: SecretKey, code: &str) -> Result<Enrolled, String> {
        let mut peer = self.raw_peer();
        let intent = Intent::Enroll { code: code.to_owned(), device_name: "a tablet".into() };
        let (mut session, hello) = ClientSession::open(secret, intent, "test");
        let (mut events, mut enrolled) = (vec![hello], None);
        loop {
            let mut heard = Vec::new();
            for event in events {
                match event {
                    ClientEvent::Send(bytes) => heard.extend(peer.send_bytes(self, &bytes)),
                    ClientEvent::Enrolled(answer) => enrolled = Some(*answer),
                    ClientEvent::Closed { detail, .. } => return enrolled.ok_or(detail),
                    _ => {}
                }
            }
            assert!(!heard.is_empty(), "the relay does not answer");
            events = heard.iter().flat_map(|bytes| session.received(bytes)).collect();
        }
    }

    /// An organization with so many physicians, each with a device, which are online.
    pub fn practice(&mut self, id: &str, physicians: usize) -> Vec<Node> {
        self.organization(id);
        let enrolled: Vec<Node> = (0..physicians)
            .map(|number| {
                let who = format!("dr-{id}-{number}");
                self.practitioner(&who, id, Role::Physician);
                // Everything in the sample charts, so that all of a practice may see the same.
                self.put_role(&who, id, Role::Physician, &SENSITIVE);
                self.enroll(&who, id)
            })
            .collect();
        for node in &enrolled {
            self.go_online(*node);
        }
        enrolled
    }
}

fn role_of(id: &str, at: &str, role: Role, sensitive: &[&str]) -> PractitionerRole {
    let sensitive = sensitive.iter().map(ToString::to_string).collect();
    PractitionerRole { practitioner: practitioner(id), organization: organization(at), role, sensitive, until: None }
}
