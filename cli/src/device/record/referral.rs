//! `satchel device record referral` and `satchel device referrals`

use clap::Args;
use client_core::clinical::NewReferral;
use client_core::driver::system_time;
use client_core::{
    ActReceipt, Compartment, OrganizationId, PractitionerId, Recipient, Referral, ReferralScope, ReferralState,
};
use serde_json::{Value, json};

use super::list::Hidden;
use super::plan::PRIORITIES;
use super::{Context, Where};
use crate::failure::Failure;
use crate::output;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Arguments of `record referral`.
#[derive(Debug, Args)]
pub struct ReferralArgs {
    #[command(flatten)]
    at: Where,
    /// FHIR id of the Organization asked
    organization: String,
    /// What is asked for: words, or SYSTEM|CODE|NAME
    #[arg(value_parser = Hidden::parse)]
    service: Hidden,
    /// Why
    #[arg(long, value_parser = Hidden::parse, value_name = "CONCEPT")]
    reason: Option<Hidden>,
    /// FHIR id of a Practitioner there
    #[arg(long, value_name = "ID")]
    practitioner: Option<String>,
    /// How urgent
    #[arg(long, value_parser = PRIORITIES)]
    priority: Option<String>,
    /// Type/id that is handed over with it; may be repeated
    #[arg(long, value_name = "RESOURCE")]
    hand_over: Vec<String>,
    /// A remark
    #[arg(long)]
    note: Option<String>,
    /// What of the chart is opened to them besides what is asked of them
    #[arg(long, value_delimiter = ',', value_name = "COMPARTMENT", default_value = "core,encounter,results")]
    open: Vec<Compartment>,
    /// They may also write there; to what is asked of them they may in any case, to answer it
    #[arg(long)]
    may_write: bool,
    /// For how many days; policy may allow less
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
    /// Open nothing: they have the chart already, or get it another way
    #[arg(long, conflicts_with_all = ["open", "may_write", "days"])]
    closed: bool,
}

/// Records what is asked of whom, and asks the relay to open the chart to them.
pub(super) fn refer(context: &mut Context, args: ReferralArgs) -> Result<ActReceipt, Failure> {
    let bad = |error| Failure::BadInput(format!("recipient: {error}"));
    let to = match &args.practitioner {
        Some(id) => Recipient::Practitioner(PractitionerId::new(id.as_str()).map_err(bad)?),
        None => Recipient::Organization(OrganizationId::new(args.organization.as_str()).map_err(bad)?),
    };
    let scopes = if args.closed { Vec::new() } else { scopes(&to, &args)? };
    let new = NewReferral {
        service: args.service.0,
        reason: args.reason.map(|reason| reason.0),
        organization: args.organization,
        practitioner: args.practitioner,
        priority: args.priority,
        task_id: String::new(),
        handed_over: args.hand_over,
        note: args.note,
    };
    let chart = context.chart(&args.at.chart)?;
    let receipt = args.at.act(context, |device, at| device.refer(at, &new))?;
    for scope in &scopes {
        context.device.open_by_referral(&chart, scope, system_time())?;
    }
    Ok(receipt)
}

/// What is to be opened: what is asked of them, to be answered, and the rest as it was said.
fn scopes(to: &Recipient, args: &ReferralArgs) -> Result<Vec<ReferralScope>, Failure> {
    if args.open.iter().any(|one| matches!(one, Compartment::Sensitive | Compartment::Directory)) {
        let message = "--open: a referral opens neither sensitive nor directory; a consent can open what is sensitive";
        return Err(Failure::BadInput(message.into()));
    }
    let for_ms = u64::from(args.days) * DAY_MS;
    let scope = |compartments, may_write| ReferralScope { to: to.clone(), compartments, may_write, for_ms };
    let mut rest: Vec<Compartment> = args.open.clone();
    rest.sort_unstable();
    rest.dedup();
    rest.retain(|compartment| *compartment != Compartment::Workflow);
    let mut scopes = vec![scope(vec![Compartment::Workflow], true)];
    if !rest.is_empty() {
        scopes.push(scope(rest, args.may_write));
    }
    Ok(scopes)
}

/// Lists what was asked to be opened, and what became of it.
///
/// # Errors
/// [`Failure`].
pub fn list(mut context: Context) -> Result<(), Failure> {
    let made = context.device.referrals(system_time())?;
    output::print(context.json, &made.iter().map(shown).collect::<Vec<_>>(), |_| {
        let row = |one: &Referral| {
            let write = if one.may_write { "read and write" } else { "read" };
            let (to, chart) = (recipient(&one.to), one.chart.to_string());
            vec![chart, to, compartments(one).join(","), write.to_owned(), state(&one.state)]
        };
        output::table(&["CHART", "TO", "OPENS", "TO", "STATE"], &made.iter().map(row).collect::<Vec<_>>());
    })
}

fn shown(one: &Referral) -> Value {
    json!({
        "id": one.id, "chart": one.chart.to_string(), "to": recipient(&one.to), "compartments": compartments(one),
        "mayWrite": one.may_write, "askedAt": one.asked_at, "state": state(&one.state),
    })
}

fn compartments(one: &Referral) -> Vec<&'static str> {
    one.compartments.iter().map(|compartment| compartment.as_str()).collect()
}

fn recipient(to: &Recipient) -> String {
    match to {
        Recipient::Organization(id) => format!("Organization/{id}"),
        Recipient::Practitioner(id) => format!("Practitioner/{id}"),
    }
}

fn state(state: &ReferralState) -> String {
    match state {
        ReferralState::Waiting => "waiting to be sent".into(),
        ReferralState::Opened(until) => format!("open until {} by the relay's clock", output::moment(*until)),
        ReferralState::Refused(why) => format!("refused: {why}"),
    }
}
