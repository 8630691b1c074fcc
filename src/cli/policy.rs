#[derive(Debug, clap::Args)]
pub(super) struct PolicyArgs {}
pub(super) fn run(
    _c: &crate::config::Config,
    _a: &PolicyArgs,
    _f: super::output::Format,
) -> Result<super::Exit, super::CliError> {
    Ok(super::Exit::Ok)
}
