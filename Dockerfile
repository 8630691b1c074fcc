# The gateway as an image: one binary on a base without a shell, as a user without rights, with one place to write.
#
#   docker build --tag policyguard .
#
# Any base with glibc 2.36 or newer and libgcc will do. For the stage that compiles may stand in a folder (or an image)
# that holds the binary as out/policyguard, and an empty folder out/data:
#
#   docker build --build-arg BASE=debian:bookworm-slim --build-context build=FOLDER --tag policyguard .

ARG BUILDER=docker.io/library/rust:1.95.0-slim-bookworm
ARG BASE=gcr.io/distroless/cc-debian12:nonroot

# rust-toolchain.toml stays outside: the builder is the toolchain, and rustup would fetch what only a desk needs.
FROM ${BUILDER} AS build
WORKDIR /source
ARG PROFILE=release
ARG FEATURES=
COPY . .
# Downloads and compiled dependencies outlive a build in the builder's cache; the lock file says which they are. What is
# ours is compiled each time: cargo goes by dates, and a file changed during the last build would be older than its end.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/target \
    find . -type f -exec touch {} + \
 && CARGO_TARGET_DIR="/target/$(uname -m)" cargo install --locked --no-track --path . --root /installed \
      --profile "${PROFILE}" --features "${FEATURES}" \
 && mkdir -p /out/data \
 && strip --strip-all -o /out/policyguard /installed/bin/policyguard

FROM ${BASE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="policyguard" \
      org.opencontainers.image.description="A policy gateway between AI agents and the tools they call" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build --chmod=0755 /out/policyguard /usr/local/bin/policyguard
# An empty folder: where there is no shell, none can be made or given to anybody.
COPY --from=build --chown=65532:65532 /out/data /data
ENV HOST=0.0.0.0 \
    POLICYGUARD_AUTH=credentials \
    POLICYGUARD_DATA_DIR=/data
# What the gateway reads stands here, if anybody mounts it: policyguard.yaml and policies/default.yaml.
WORKDIR /etc/policyguard
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
  CMD ["/usr/local/bin/policyguard", "health"]
ENTRYPOINT ["/usr/local/bin/policyguard"]
CMD ["serve"]
