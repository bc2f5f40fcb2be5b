"""The OpenAPI 3.1 document, made of the operations and the models that validate them.

Called by the application, once, when somebody asks for it.
"""

import re
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from tradinglab_api.bodies import JSON
from tradinglab_api.documents import LARGEST_BATCH, ProblemDocument, Readiness, Space
from tradinglab_api.operations import ATTENTION, OPERATIONS, SPACE, Operation
from tradinglab_api.problems import MEDIA_TYPE

Document = dict[str, Any]
REFERENCE: Final = "#/components/schemas/{model}"
BEARER: Final = "apiKey"
QUERY: Final[dict[str, Document]] = {
    ATTENTION: {
        "name": ATTENTION,
        "in": "query",
        "description": "give the attention weights too",
        "schema": {"type": "string", "enum": ["true", "false"], "default": "false"},
    },
    SPACE: {
        "name": SPACE,
        "in": "query",
        "description": "of an application/x-npy body, where its width does not tell",
        "schema": {"type": "string", "enum": [each.value for each in Space]},
    },
}
STREAM: Final[Document] = {
    "name": "stream",
    "in": "path",
    "required": True,
    "description": "a name that its one client chooses",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"},
}


def openapi_document(version: str, key_demanded: bool) -> Document:
    """`version`: of the product."""
    models: dict[type[BaseModel], JsonSchemaMode] = {ProblemDocument: "serialization"}
    for operation in OPERATIONS:
        if operation.body is not None:
            models[operation.body] = "validation"
        if isinstance(operation.answer, type):
            models[operation.answer] = "serialization"
    _, definitions = models_json_schema(list(models.items()), ref_template=REFERENCE)
    paths: Document = {}
    for operation in OPERATIONS:
        path = re.sub(r"<(\w+)>", r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _described(operation, key_demanded)
    document: Document = {
        "openapi": "3.1.0",
        "info": {
            "title": "tradinglab inference API",
            "version": version,
            "description": "Forecasts of one artifact. Times are UTC milliseconds; a bar's time is "
            "its open time. Every refusal is problem details (RFC 9457). Bodies may be gzip.",
        },
        "paths": paths,
        "components": {"schemas": definitions["$defs"]},
    }
    if key_demanded:
        document["components"]["securitySchemes"] = {BEARER: {"type": "http", "scheme": "bearer"}}
    return document


def _described(operation: Operation, key_demanded: bool) -> Document:
    described: Document = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": _responses(operation, key_demanded),
    }
    if operation.description:
        described["description"] = operation.description
    parameters = [STREAM] if "<stream>" in operation.path else []
    parameters += [QUERY[name] for name in operation.query]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        content = {JSON: {"schema": _reference(operation.body)}}
        for media_type in operation.body_types:
            content.setdefault(
                media_type,
                {
                    "schema": {
                        "description": f"npy array of 1 to {LARGEST_BATCH} records",
                        "type": "string",
                        "format": "binary",
                    }
                },
            )
        described["requestBody"] = {"required": True, "content": content}
    if key_demanded and operation.path.startswith("/v1/"):
        described["security"] = [{BEARER: []}]
    return described


def _responses(operation: Operation, key_demanded: bool) -> Document:
    answer = operation.answer
    success: Document = {"description": operation.success.phrase}
    if isinstance(answer, str):
        success["content"] = {answer: {}}
    elif answer is not None:
        success["content"] = {JSON: {"schema": _reference(answer)}}
    responses = {str(operation.success.value): success}
    if operation.name == "model":
        responses["304"] = {"description": HTTPStatus.NOT_MODIFIED.phrase}
    if answer is Readiness:
        responses["503"] = {"description": "not ready", "content": success["content"]}
    problem = {MEDIA_TYPE: {"schema": _reference(ProblemDocument)}}
    for status in operation.refusals:
        if status is not HTTPStatus.UNAUTHORIZED or key_demanded:
            responses[str(status.value)] = {"description": status.phrase, "content": problem}
    return responses


def _reference(model: type[BaseModel]) -> Document:
    return {"$ref": REFERENCE.format(model=model.__name__)}
