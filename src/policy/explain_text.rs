//! An explanation as text.

use std::fmt;

use super::explain::{
    Explanation, Fact, RuleName, RuleTrace, ShadowTrace, StageOutcome, StageTrace,
};

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.policy)?;
        if let Some(rule) = self.rule {
            write!(f, " rule {rule}")?;
        }
        if let Some(name) = &self.name {
            write!(f, " {name}")?;
        }
        self.at.as_ref().map_or(Ok(()), |at| write!(f, " ({at})"))
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} ({}): {}",
            self.effect.as_str(),
            self.code,
            self.reason
        )?;
        if let Some(rule) = &self.determined_by {
            writeln!(f, "  by {rule}")?;
        }
        if let Some(remedy) = &self.remedy {
            writeln!(f, "  remedy: {}", remedy.text)?;
        }
        writeln!(
            f,
            "  mode {}, policy version {}",
            self.mode, self.policy_version
        )?;
        for problem in &self.problems {
            writeln!(f, "  problem: {problem}")?;
        }
        section(f, "stages", &self.stages)?;
        section(f, "facts", &self.facts)?;
        section(f, "rules that apply", &self.rules)?;
        section(f, "near misses", &self.near_misses)?;
        section(f, "shadow policies", &self.shadow)
    }
}

fn section<T: fmt::Display>(f: &mut fmt::Formatter<'_>, title: &str, lines: &[T]) -> fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(f, "{title}")?;
    lines.iter().try_for_each(|line| writeln!(f, "  {line}"))
}

impl fmt::Display for StageTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            StageOutcome::Passed => "passed",
            StageOutcome::Decided => "decided",
        };
        write!(f, "{:<3} {}: {outcome}", self.stage, self.about)?;
        self.lifted
            .iter()
            .try_for_each(|code| write!(f, ", {code} lifted by an override"))
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.value)
    }
}

impl fmt::Display for RuleTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decided = if self.decided { ", decided" } else { "" };
        let (effect, priority) = (self.effect.as_str(), self.priority);
        write!(
            f,
            "{effect} at {priority} by {}: {}{decided}",
            self.rule, self.why
        )
    }
}

impl fmt::Display for ShadowTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flips = if self.flips {
            "would change the answer"
        } else {
            "would change nothing"
        };
        write!(
            f,
            "{}: {flips}: {} ({})",
            self.policy,
            self.effect.as_str(),
            self.code
        )
    }
}
