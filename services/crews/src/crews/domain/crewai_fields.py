"""Fields of CrewAI's agents and tasks that have no counterpart here, and what to do instead."""

from typing import Any

DEFAULT_MODEL = "gpt-4o-mini"
"""What CrewAI uses where nothing else is said."""
SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "seed": "seed",
    "stop": "stop",
    "reasoning_effort": "reasoning_effort",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
"""Settings of a model by the names that CrewAI gives them."""

_KEY = "Keys are the workspace's: PUT /models/providers/{provider}"
_SERVER = (
    "A server of your own is an endpoint: PUT /models/endpoints/{endpoint}, and name it in model"
)
NO_SETTING = {
    "api_key": _KEY,
    "base_url": _SERVER,
    "api_base": _SERVER,
    "api_version": _SERVER,
    "timeout": "A task has a timeout; a model that is away is asked again for some minutes",
    "max_retries": "Errors of models are tried again by the platform's own rules",
    "stream": "Whoever watches a job with deltas=true sees its text while it is written",
}
"""Settings of a model that have no counterpart, and what to do instead."""

AGENT_DEFAULTS: dict[str, Any] = {
    "allow_delegation": False,
    "cache": True,
    "max_retry_limit": 2,
    "respect_context_window": True,
    "allow_code_execution": False,
    "multimodal": False,
    "reasoning": False,
    "use_system_prompt": True,
    "inject_date": False,
    "memory": False,
    "planning": False,
}
"""Values that say what holds here anyway: nobody need be told of them."""
TASK_DEFAULTS: dict[str, Any] = {
    "create_directory": True,
    "markdown": False,
    "output_json": False,
    "config": {},
}

CREW_DEFAULTS: dict[str, Any] = {
    "cache": True,
    "memory": False,
    "planning": False,
    "verbose": False,
    "share_crew": False,
}
OF_CREWS = {
    "manager_agent": "Name its model as manager_llm: the manager is no agent here, and has its own instructions",
    "memory": "Say what a crew remembers, and for whom: see configuration.memory",
    "task_callback": "The events of a job are watched, over a WebSocket or as SSE",
    "output_log_file": "The events of a job are its log: GET /executions/{job_id}/traces",
    "planning_llm": "Ask for a plan in the tasks' descriptions",
    "chat_llm": "Jobs have no chat; a task may ask a person",
    "inputs": "Inputs are sent with each job: POST /executions",
}
"""Fields of CrewAI's crews without a counterpart, where it is another than an agent's or a task's."""

NO_COUNTERPART = {
    "allow_delegation": "Agents do not delegate by themselves: in a crew whose process is hierarchical, a manager hands out work",
    "cache": "Results of tools are not cached; a repeated call is made again",
    "max_rpm": "Providers' own limits are waited for; there is no setting",
    "max_retry_limit": "Errors of models and tools are tried again by the platform's own rules",
    "respect_context_window": "Long contexts are always cut to what the model reads, with a warning event",
    "allow_code_execution": "Give the agent the tool code_runner, where the operator offers it",
    "code_execution_mode": "The operator decides how code is run",
    "multimodal": "Models read texts here",
    "reasoning": "Ask for a plan in the task's description, or name a model that reasons",
    "max_reasoning_attempts": "Ask for a plan in the task's description, or name a model that reasons",
    "planning": "Ask for a plan in the task's description, or name a model that reasons",
    "function_calling_llm": "The agent's own model calls the tools",
    "system_template": "Prompts have no templates",
    "prompt_template": "Prompts have no templates",
    "response_template": "Prompts have no templates",
    "use_system_prompt": "Whether a model takes a system prompt is known of the model",
    "inject_date": "Give the date as an input, such as {today}",
    "date_format": "Give the date as an input, such as {today}",
    "memory": "A crew remembers as a whole: see configuration.memory",
    "knowledge_sources": "Give the agent the tool file_reader, or the texts as an input",
    "knowledge": "Give the agent the tool file_reader, or the texts as an input",
    "embedder": "The platform chooses embeddings itself",
    "step_callback": "The events of a job are watched, over a WebSocket or as SSE",
    "callback": "The events of a job are watched, over a WebSocket or as SSE",
    "callbacks": "The events of a job are watched, over a WebSocket or as SSE",
    "output_file": "The output is in the job's result; an agent that must write a file gets the tool file_writer",
    "create_directory": "The output is in the job's result; an agent that must write a file gets the tool file_writer",
    "condition": "Write it as an expression: see `condition` in docs/guide/tasks.md",
    "config": "What is in it was left out",
    "mcps": "Register the server with POST /tools/mcp, and name its tools",
    "apps": "Register what it offers with POST /tools/custom or POST /tools/mcp",
    "a2a": "There are no remote agents here",
    "security_config": "There is no such field here",
    "guardrails": "It became guardrail",
    "input_files": "Give files as inputs",
    "allow_crewai_trigger_context": "A job has only the inputs that it was given",
}
