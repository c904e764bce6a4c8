"""The contract as an AsyncAPI 3.0 document: channels, operations, messages.

Specification: https://www.asyncapi.com/docs/reference/specification/v3.0.0. An answer's channel has
no address of its own: the question says where it goes.
"""

import re
from typing import Any

import yaml

from stretto.proto.channels import HEADERS, PARAMETERS, Channel, Message, channels
from stretto.proto.messages import file_name

CONTRACT_VERSION = "1.0.0"
"""Of the contract, not of the product: additive changes raise the second number."""

_PARAMETER = re.compile(r"{(\w+)}")

Json = dict[str, Any]


def asyncapi() -> Json:
    """Return the whole document; schemas are other files of the same folder."""
    every = channels()
    messages = {message.name: message for channel in every for message in channel.messages}
    used = sorted({name for channel in every for name in _parameters(channel)})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Stretto",
            "version": CONTRACT_VERSION,
            "description": "Durable workflow orchestration over NATS: every subject that others "
            "may use. Changes are additive; unknown fields are to be ignored.",
            "license": {
                "name": "Apache-2.0",
                "url": "https://www.apache.org/licenses/LICENSE-2.0",
            },
        },
        "defaultContentType": "application/json",
        "servers": {
            "nats": {
                "host": "localhost:4222",
                "protocol": "nats",
                "description": "Any NATS server or cluster with JetStream.",
            }
        },
        "channels": {channel.name: _channel(channel) for channel in every},
        "operations": dict(_operation(channel) for channel in every if not _is_answer(channel)),
        "components": {
            "messages": {name: _message(messages[name]) for name in sorted(messages)},
            "parameters": {name: _parameter(name) for name in used},
        },
    }


def asyncapi_yaml() -> str:
    """Return the document as text."""
    text = yaml.safe_dump(asyncapi(), sort_keys=False, allow_unicode=True, width=100)
    return "# Made by `make proto` from the message types: do not edit.\n" + text


def _is_answer(channel: Channel) -> bool:
    return channel.name.endswith("Answer")


def _parameters(channel: Channel) -> list[str]:
    return _PARAMETER.findall(channel.address or "")


def _channel(channel: Channel) -> Json:
    kept = "" if channel.stored is None else f"\n\nKept in the stream {channel.stored}."
    described: Json = {
        "address": channel.address,
        "summary": channel.summary.partition(". ")[0].rstrip(".") + ".",
        "description": channel.summary + kept,
        "messages": {
            message.name: {"$ref": f"#/components/messages/{message.name}"}
            for message in channel.messages
        },
    }
    if names := _parameters(channel):
        described["parameters"] = {
            name: {"$ref": f"#/components/parameters/{name}"} for name in names
        }
    return described


def _operation(channel: Channel) -> tuple[str, Json]:
    """Return the name and the operation of a channel; an answer belongs to its question's."""
    name = channel.direction + channel.name[0].upper() + channel.name[1:]
    described: Json = {
        "action": channel.direction,
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "summary": channel.summary.partition(". ")[0].rstrip(".") + ".",
        "messages": _messages_of(channel),
    }
    if channel.reply is not None:
        answer = next(each for each in channels() if each.name == channel.reply)
        described["reply"] = {
            "channel": {"$ref": f"#/channels/{answer.name}"},
            "messages": _messages_of(answer),
        }
        if channel.reply_at is not None:
            described["reply"]["address"] = {"location": channel.reply_at}
    return name, described


def _messages_of(channel: Channel) -> list[Json]:
    return [
        {"$ref": f"#/channels/{channel.name}/messages/{message.name}"}
        for message in channel.messages
    ]


def _message(message: Message) -> Json:
    described: Json = {"name": message.name, "contentType": message.content_type}
    if message.summary:
        described["summary"] = message.summary
    if message.headers:
        described["headers"] = {
            "type": "object",
            "properties": {
                name: {"type": "string", "description": HEADERS[name]} for name in message.headers
            },
        }
    if message.kind is not None:
        described["payload"] = {"$ref": f"./messages/{file_name(message.kind)}.schema.json"}
    elif message.file is not None:
        described["payload"] = {"$ref": f"./{message.file}"}
    return described


def _parameter(name: str) -> Json:
    description, values = PARAMETERS[name]
    return {"description": description} | ({"enum": list(values)} if values else {})
