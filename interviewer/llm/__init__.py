"""The language model: the only package that knows the openai client and LangChain's provider.

It makes the model, asks it for an object of a JSON schema or for words, and turns every failure
into one sentence with a remedy. It switches no tracing on, and it always names the server itself,
so that LANGSMITH_GATEWAY cannot send a reply elsewhere.
"""

from .asking import Exchange, Messages, say, structured
from .client import OPENAI_URL, chat_model
from .reading import strict_json

__all__ = [
    "OPENAI_URL",
    "Exchange",
    "Messages",
    "chat_model",
    "say",
    "strict_json",
    "structured",
]
