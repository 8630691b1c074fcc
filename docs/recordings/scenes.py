"""What is recorded: scenes of commands, each as it is shown and as it is run."""

from dataclasses import dataclass, field

READING = 2.0


@dataclass
class Step:
    """A command; `run` where it is run otherwise than it is shown."""

    shown: str
    run: str = ""
    pause: float = READING

    def __post_init__(self):
        self.run = self.run or self.shown


@dataclass
class Scene:
    name: str
    title: str
    steps: list[Step] = field(default_factory=list)


def call(tool, argument="", more=""):
    """A call of a tool as people make it."""
    arguments = f', "arguments": {{{argument}}}' if argument else ""
    return f"call '{{\"tool_name\": \"{tool}\"{arguments}{more}}}'"


POLICY = """\
policy_name: Night shift
default_mode: NORMAL
modes:
  NORMAL:
    allowed_tools: [list_services, get_service_status, deploy_application]
policies:
  - id: nights
    name: Nothing is deployed at night
    priority: 50
    rules:
      - condition: { tool_patern: "deploy_*" }
        action: deny
        message: Nothing is deployed at night
"""

# In the background, and waited for: a shell would show the next prompt over the banner.
STARTED = (
    "policyguard --log-level error </dev/null &"
    " until policyguard health >/dev/null 2>&1; do sleep 0.1; done; sleep 0.2"
)
# No word of its own, so that what is recorded is the answer.
CALL = (
    "call() { curl -s localhost:8000/tools/execute -H 'Content-Type: application/json' \\\n"
    '  -d "$1" | python3 -m json.tool; }'
)

SCENES = [
    Scene(
        "first-call",
        "A first call allowed, a first call denied",
        [
            Step("policyguard --log-level error &", STARTED),
            Step(CALL, pause=0.5),
            Step(call("get_service_status", '"service_name": "cache"')),
            Step(call("restart_service", '"service_name": "cache"'), pause=4),
            Step("policyguard mode set EMERGENCY --reason 'the cache is down' --for 10m"),
            Step(call("restart_service", '"service_name": "cache"') + " | grep message"),
            Step("policyguard audit verify"),
        ],
    ),
    Scene("demo", "What a gateway is for", [Step("policyguard demo", "policyguard demo --fast", pause=0)]),
    Scene(
        "policy-check",
        "A mistake in a policy, found and mended",
        [
            Step("cat night.yaml", f"cat >night.yaml <<'END'\n{POLICY}END\ncat night.yaml"),
            Step("policyguard policy check night.yaml", pause=4),
            Step("sed -i s/tool_patern/tool_pattern/ night.yaml", pause=0.5),
            Step("policyguard policy check night.yaml"),
            Step(
                "policyguard --policies night.yaml policy simulate --tool deploy_application \\\n"
                "  --arg app_name=web --arg version=2"
            ),
        ],
    ),
]
