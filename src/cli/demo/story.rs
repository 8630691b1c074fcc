//! Who tells the story: step by step, and not on after one that did not come out.

use std::path::Path;
use std::time::Duration;

use crate::cli::CliError;

use super::page::{Page, Word};
use super::running::Running;
use super::scratch::Scratch;
use super::steps::{AGENT, Step, steps};
use super::tamper;
use super::told::{Act, Answer};

/// The steps that are asked of the gateway, and the one in which its record is edited.
const STEPS: usize = 10;

/// The story as far as it was told.
pub(super) struct Story {
    page: Page,
    pause: Duration,
    acts: Vec<Act>,
    told: usize,
    hint: &'static str,
}

impl Story {
    pub(super) const fn new(page: Page, pause: Duration) -> Self {
        Self {
            page,
            pause,
            acts: Vec::new(),
            told: 0,
            hint: "",
        }
    }

    /// Tells everything that is asked of the running gateway.
    ///
    /// # Errors
    /// Which step did not come out, and how.
    pub(super) async fn tell(
        &mut self,
        running: &Running,
        built_in_policy: bool,
    ) -> Result<(), CliError> {
        self.hint = if built_in_policy {
            "this must not happen with the policy that is built in: please report it"
        } else {
            "the story is that of the policy that is built in; leave --policies out to see it"
        };
        self.open(running)?;
        for step in steps() {
            self.begin(step.title, step.shows)?;
            self.page.command(&step.request.curl())?;
            let outcome = self.ask(running, &step).await;
            self.end(outcome)?;
            tokio::time::sleep(self.pause).await;
        }
        Ok(())
    }

    /// Tells what becomes of a record that somebody edits; the gateway is stopped.
    ///
    /// # Errors
    /// When the verifier finds anything but that record changed.
    pub(super) fn tamper(&mut self, scratch: &Scratch) -> Result<(), CliError> {
        self.begin(
            "Nobody rewrites it quietly",
            "The gateway is stopped. In a copy of its data somebody changes one letter: which database was to be \
             deleted.",
        )?;
        for command in tamper::commands() {
            self.page.command(&[command])?;
        }
        let copy = scratch.copy_of_store()?;
        tamper::edit(&copy)?;
        let report = tamper::verify(&copy)?;
        let deletion = self.acts.iter().rfind(|act| !act.allowed);
        let found = tamper::found(&report, deletion.and_then(|act| act.seq));
        self.end(found.map(|headline| Answer {
            word: Word::Broken,
            headline,
            facts: Vec::new(),
        }))
    }

    /// Ends the story.
    pub(super) fn all_came_out(&mut self, took: Duration, goes_on: bool) -> Result<(), CliError> {
        let seconds = took.as_secs_f64();
        self.page.heading(&format!(
            "All {STEPS} steps came out as told, in {seconds:.1} s"
        ))?;
        if !goes_on {
            self.page
                .text("The gateway is stopped, and its files are removed. Next:")?;
            self.page.blank()?;
            self.page.fact(
                "demo",
                "`policyguard demo --serve` keeps the gateway running to play with",
            )?;
            self.page.fact(
                "serve",
                "`policyguard` serves your own, on http://127.0.0.1:8000",
            )?;
            self.page
                .fact("help", "`policyguard --help` lists every command")?;
        }
        self.page.blank()?;
        Ok(())
    }

    /// Says what can be done with the gateway that goes on.
    pub(super) fn invite(&mut self, running: &Running, data_dir: &Path) -> Result<(), CliError> {
        let page = &mut self.page;
        page.heading(&format!("The gateway goes on, at {}", running.address()))?;
        page.text(
            "Three agents are at work, about three calls a second. sre-1 and etl-1 do their jobs; rogue-9 tries what \
             it may not, and is suspended for it before long. In another terminal, with the lines from the top:",
        )?;
        page.blank()?;
        for (command, about) in [
            (
                "policyguard audit tail --follow --data-dir $DATA",
                "who does what",
            ),
            (
                "policyguard incidents list --data-dir $DATA",
                "what came of it",
            ),
            (
                "policyguard agent show rogue-9 --data-dir $DATA",
                "who is suspended",
            ),
            (
                "policyguard lockdown on --data-dir $DATA",
                "stop everything",
            ),
            ("curl -s $PG/metrics", "figures"),
        ] {
            page.command(&[format!("{command:52} # {about}")])?;
        }
        page.blank()?;
        page.text(&format!(
            "In a browser, {}/docs shows every route. ctrl-c ends it, and removes {}.",
            running.address(),
            data_dir.display()
        ))?;
        page.blank()?;
        Ok(())
    }

    /// The error of a story that somebody interrupts.
    pub(super) fn interrupted(&self) -> CliError {
        CliError::Unexpected(format!("interrupted in step {} of {STEPS}", self.told))
    }

    fn open(&mut self, running: &Running) -> Result<(), CliError> {
        let page = &mut self.page;
        page.heading("policyguard stands between an AI agent and its tools")?;
        page.text(&format!(
            "A gateway of its own now listens at {}. It needs no network and no model: you are the operator, and \
             `{AGENT}` is the agent. What is asked is shown so that curl can repeat it, with:",
            running.address()
        ))?;
        page.blank()?;
        page.command(&[
            format!("PG={}", running.address()),
            "  JSON='Content-Type: application/json'".to_owned(),
            format!("  DATA={}", running.data_dir().display()),
        ])?;
        page.blank()?;
        Ok(())
    }

    fn begin(&mut self, title: &str, shows: &str) -> Result<(), CliError> {
        self.told += 1;
        self.page.heading(&format!("{:<2} {title}", self.told))?;
        self.page.text(shows)?;
        self.page.blank()?;
        Ok(())
    }

    async fn ask(&mut self, running: &Running, step: &Step) -> Result<Answer, String> {
        let request = &step.request;
        let reply = running
            .gateway()
            .send(request.method, request.path, request.body.as_ref())
            .await
            .map_err(|fault| fault.to_string())?;
        step.told.read(request, &reply, &mut self.acts)
    }

    /// Prints how the step ended.
    fn end(&mut self, outcome: Result<Answer, String>) -> Result<(), CliError> {
        self.page.blank()?;
        match outcome {
            Ok(answer) => {
                self.page.verdict(answer.word, &answer.headline)?;
                for (label, text) in &answer.facts {
                    self.page.fact(label, text)?;
                }
                self.page.blank()?;
                Ok(())
            }
            Err(why) => {
                self.page.verdict(Word::Failed, &why)?;
                self.page.blank()?;
                Err(CliError::Unexpected(format!(
                    "step {} of {STEPS} did not come out as told: {why}\n  hint: {}",
                    self.told, self.hint
                )))
            }
        }
    }
}
