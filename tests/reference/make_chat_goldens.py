#!/usr/bin/env python3
"""Conversations as transformers' apply_chat_template shows them, for templates written here in the manner of published ones.

    make_chat_goldens.py            writes tests/fixtures/chat: a folder a style, and expected.jsonl

A line of expected.jsonl: style, messages, and either text or refused (the template raises an error on them).
"""
import json
import pathlib

import transformers as tf
from tokenizers import Tokenizer, models
from transformers.utils import chat_template_utils

OUT = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "chat"

CHATML = """\
{%- if messages[0].role != 'system' %}
    {{- '<|im_start|>system\\nBe of help.<|im_end|>\\n' }}
{%- endif %}
{% for message in messages %}
{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>' }}
{% endfor %}
{% if add_generation_prompt %}
{{ '<|im_start|>assistant\\n' }}{% endif %}
"""

LLAMA2 = """\
{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set system = messages[0]['content'] %}
{%- else %}{% set rest = messages %}{% set system = false %}{% endif %}
{%- for message in rest %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('turns must alternate, the user first') }}
    {%- endif %}
    {%- set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + message['content'] if loop.first and system is not false
                      else message['content'] %}
    {%- if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}
    {%- elif message['role'] == 'assistant' %}{{ ' ' ~ content.strip() ~ ' ' ~ eos_token }}
    {%- else %}{{ raise_exception('Only user and assistant, not ' + message['role']) }}{%- endif %}
{%- endfor %}"""

LLAMA3 = """\
{{- bos_token }}
{%- if today is not defined %}
    {%- set today = strftime_now("%d %b %Y") if strftime_now is defined else "1 Jan" %}
{%- endif %}
{%- macro head(role) %}<|start|>{{ role }}<|end|>{{ '\\n\\n' }}{% endmacro %}
{#- a system message is taken out of the list -#}
{%- if messages[0].role == 'system' %}
    {%- set first = messages[0].content if messages[0].content is string else messages[0]['content'][0]['text'] %}
    {%- set messages = messages[1:] %}
{%- endif %}
{{- head('system') + "Today: " + today + "\\n" + (first | default('') | trim) + "<|eot|>" }}
{%- for m in messages %}
    {%- if 'tool_calls' in m %}
        {%- if m.tool_calls | length != 1 %}{{ raise_exception("one call at a time") }}{% endif %}
        {%- set f = m.tool_calls[0].function %}
        {{- head('assistant') ~ f.name ~ '(' ~ (f.arguments | tojson) ~ ')' }}
    {%- elif m.role in ['tool', 'ipython'] %}
        {{- head('ipython') }}
        {%- if m.content is mapping or (m.content is iterable and m.content is not string) %}{{ m.content | tojson }}{% else %}{{ m.content }}{% endif %}
    {%- else %}
        {{- head(m['role']) }}
        {%- if m['content'] is string %}{{ m['content'] | trim }}
        {%- else %}{% for part in m['content'] if part['type'] == 'text' %}{{ part['text'] | trim }}{% endfor %}{% endif %}
    {%- endif %}
    {{- "<|eot|>" }}
{%- endfor %}
{{- head('assistant') if add_generation_prompt }}
"""

MISTRAL = """\
{%- set turns = messages %}
{%- if turns[0]["role"] == "system" %}{% set advice = turns[0]["content"] %}{% set turns = turns[1:] %}{% endif %}
{%- set asked = turns | selectattr("role", "equalto", "user") | list %}
{%- set seen = namespace(count=0) %}
{%- for t in turns if not (t.role.startswith("tool") or (t.tool_calls is defined and t.tool_calls is not none)) %}
    {%- if (t["role"] == "user") == (seen.count % 2 == 1) %}{{ raise_exception("speakers must alternate") }}{% endif %}
    {%- set seen.count = seen.count + 1 %}
{%- endfor %}
{{- bos_token }}
{%- for t in turns %}
    {%- if t.role == "user" %}
        {{- "[T]" ~ (tools | tojson) ~ "[/T]" if tools is not none and t == asked[-1] }}
        {{- "[INST] " }}{% if loop.last and advice is defined %}{{ advice + "\\n\\n" }}{% endif %}{{ t["content"] + "[/INST]" }}
    {%- elif t.tool_calls is defined and t.tool_calls is not none %}
        {{- "[CALLS]" }}
        {%- for call in t.tool_calls %}
            {%- if call.id is not defined or (call.id | length) != 9 %}{{ raise_exception("ids have nine characters") }}{% endif %}
            {%- set body = call.function | tojson %}
            {{- body[:-1] + ', "id": "' + call.id + '"}' + ("," if not loop.last else eos_token) }}
        {%- endfor %}
    {%- elif t.role == "assistant" %}{{ " " + t["content"] | trim + eos_token }}
    {%- elif t.role == "tool" %}
        {%- set inside = t.content.content if t.content is defined and t.content.content is defined else t.content %}
        {{- '[RESULT]' + inside | string + "[/RESULT]" }}
    {%- else %}{{ raise_exception("unknown role") }}{% endif %}
{%- endfor %}
"""

QWEN3 = """\
{%- set state = namespace(searching=true, query=messages|length - 1) %}
{%- for m in messages[::-1] if state.searching %}
    {%- set where = messages | length - loop.index %}
    {%- if state.searching and m.role == "user" and m.content is string and not (m.content.startswith('<r>') and m.content.endswith('</r>')) %}
        {%- set state.searching = false %}{% set state.query = where %}
    {%- endif %}
{%- endfor %}
{%- for m in messages %}
    {%- set said = m.content if m.content is string else '' %}
    {%- if m.role == 'tool' %}
        {{- '<|im_start|>user' if loop.first or messages[loop.index0 - 1].role != 'tool' }}
        {{- '\\n<r>\\n' ~ said ~ '\\n</r>' }}
        {{- '<|im_end|>\\n' if loop.last or loop.nextitem.role != 'tool' }}
        {%- continue %}
    {%- endif %}
    {{- '<|im_start|>' + m.role + '\\n' }}
    {%- if m.role == 'assistant' %}
        {%- set why = '' %}
        {%- if m.reasoning_content is string %}{% set why = m.reasoning_content %}
        {%- elif '</think>' in said %}
            {%- set pieces = said.split('</think>') %}
            {%- set why = pieces[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set said = pieces[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > state.query and (loop.last or why) %}{{ '<think>\\n' + why.strip('\\n') + '\\n</think>\\n\\n' }}{% endif %}
        {{- said }}
        {%- for call in m.tool_calls or [] %}
            {%- if call.function %}{% set call = call.function %}{% endif %}
            {{- '\\n' if said or not loop.first }}<call>{"name": "{{ call.name }}", "arguments": {{ call.arguments if call.arguments is string else call.arguments | tojson }}}</call>
        {%- endfor %}
    {%- else %}{{ said }}{% endif %}
    {{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' + ('<think>\\n\\n</think>\\n\\n' if thinks is defined and thinks is false else '') }}{% endif %}"""

GEMMA = """\
{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}
{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('user and model take turns') }}{% endif %}
{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}
{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}"""

PHI3 = """\
{% for m in messages %}{% if m.role == 'system' and m.content %}{{'<|system|>
' + m.content + '<|end|>
'}}{% elif m.role == 'assistant' %}{% generation %}{{ '<|assistant|>
' ~ m.content }}<|end|>
{% endgeneration %}{% elif m.role == 'user' %}{{ '<|user|>
' + m['content'] + '<|end|>
' }}{% endif %}{% endfor %}{% if not add_generation_prompt %}{{ eos_token }}{% else %}{{ '<|assistant|>
' }}{% endif %}"""

ZEPHYR = """\
{% for m in messages %}
{% if m.role in ('user', 'system', 'assistant') %}
{{ '<|' + m.role + '|>\\n' + m.content + eos_token }}
{% endif %}
    {# indented on purpose #}
    {% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
    {% endif %}
{% endfor %}
"""

PARTS = """\
{%- macro show(content, before='', after='') -%}
    {%- if content is string -%}{{ before ~ content ~ after }}
    {%- elif content is iterable and content is not mapping -%}
        {%- for part in content -%}
            {%- if part.type in ['image', 'image_url'] or 'image' in part -%}<image>
            {%- elif part.text is defined -%}{{ before }}{{ part.text | replace('\\n', ' / ') }}{{ after }}
            {%- else -%}{{ raise_exception('a part of an unknown kind') }}{%- endif -%}
            {%- if not loop.last %}{{ ',' }}{% endif -%}
        {%- endfor -%}
    {%- else -%}?{%- endif -%}
{%- endmacro -%}
{%- set names = {'user': 'Human', 'assistant': 'AI'} -%}
{%- for role, group in [('system', messages | selectattr('role', 'equalto', 'system') | list), ('rest', messages | rejectattr('role', 'eq', 'system') | list)] %}
    {%- for message in group %}
        {%- if message.content is none %}{% continue %}{% endif %}
        {%- if loop.index > 6 %}{% break %}{% endif %}
{{ names.get(message.role, message.role | capitalize) }} ({{ loop.index }}/{{ loop.length }}, {{ loop.cycle('odd', 'even') }}): {{ show(message.content, before='"', after='"') }}
    {% else %}
(no {{ role }})
    {% endfor %}
{%- endfor %}
{%- set note %}{{ messages | map(attribute='role') | join(', ') | upper }}{% endset %}
{{ note }} {{ messages | length }} {{ (messages | last).role }} {{ messages[-1].keys() | list | tojson(indent=1) }}
{% for key, value in messages[0].items() -%}
{{ key }}={{ value if value is string else value | tojson }};
{%- endfor %}
{% raw %}{{ not this }}{% endraw %}
{{ {'a': [1, 2.5, none, true, 'x"y'], "b": (1,)} }} {{ 7 // 2 }} {{ -7 % 3 }} {{ 1 / 4 }} {{ 'ab' * 2 }} {{ 1 < 2 <= 2 }} {{ range(3) | list }}
{{- '' if add_generation_prompt else ' end' }}
"""

QWEN25 = """\
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}{{- messages[0]['content'] }}{%- else %}{{- 'You help.' }}{%- endif %}
    {{- "\\n\\n# Tools\\n<tools>" }}
    {%- for tool in tools %}{{- "\\n" }}{{- tool | tojson }}{%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- elif messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
{%- else %}
    {{- '<|im_start|>system\\nYou help.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}{{- '\\n' + message.content }}{%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' }}{{- tool_call.name }}{{- '", "arguments": ' }}{{- tool_call.arguments | tojson }}{{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\\n<tool_response>\\n' }}{{- message.content }}{{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

SMOLLM2 = """\
{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou are small, and of use<|im_end|>\\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '
' + message['content'] + '<|im_end|>' + '
'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}"""

DEEPSEEK = """\
{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% set ns = namespace(first=true, tools=false, result=true, system='') %}
{%- for m in messages %}{%- if m['role'] == 'system' %}{%- if ns.first %}{% set ns.system = ns.system + m['content'] %}{% set ns.first = false %}{%- else %}{% set ns.system = ns.system + '\\n\\n' + m['content'] %}{%- endif %}{%- endif %}{%- endfor %}
{{- bos_token }}{{ ns.system }}
{%- for m in messages %}
    {%- if m['role'] == 'user' %}{%- set ns.tools = false -%}{{ '<|User|>' + m['content'] }}{%- endif %}
    {%- if m['role'] == 'assistant' and 'tool_calls' in m %}
        {%- set ns.tools = false -%}
        {%- for call in m['tool_calls'] %}
            {%- if loop.first %}{{ '<|Assistant|>' ~ (m['content'] if m['content'] is not none else '') ~ '<|calls|>' }}{%- else %}{{ '\\n' }}{%- endif %}
            {{- '<|call|>' + call['type'] + '<|sep|>' + call['function']['name'] + '\\n```json\\n' }}{{ call['function']['arguments'] | tojson(ensure_ascii=False) }}{{ '\\n```<|end|>' }}
        {%- endfor %}{{ '<|calls end|>' + eos_token }}
    {%- elif m['role'] == 'assistant' %}
        {%- if ns.tools %}{{ '<|outputs end|>' + m['content'] + eos_token }}{%- set ns.tools = false -%}
        {%- else %}{% set content = m['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{ '<|Assistant|>' + content + eos_token }}{%- endif %}
    {%- endif %}
    {%- if m['role'] == 'tool' %}
        {%- if not ns.tools %}{%- set ns.tools = true %}{%- set ns.result = true %}{%- endif %}
        {%- if ns.result %}{{ '<|outputs|><|output|>' + m['content'] + '<|output end|>' }}{%- set ns.result = false %}{%- else %}{{ '\\n<|output|>' + m['content'] + '<|output end|>' }}{%- endif %}
    {%- endif %}
{%- endfor -%}
{% if ns.tools %}{{ '<|outputs end|>' }}{% endif %}{% if add_generation_prompt and not ns.tools %}{{ '<|Assistant|><think>\\n' }}{% endif %}"""

STYLES = {"chatml": CHATML, "llama2": LLAMA2, "llama3": LLAMA3, "mistral": MISTRAL, "qwen3": QWEN3, "gemma": GEMMA, "phi3": PHI3,
          "zephyr": ZEPHYR, "parts": PARTS, "qwen25": QWEN25, "smollm2": SMOLLM2, "deepseek": DEEPSEEK}


def turn(role, content, **more):
    return {"role": role, "content": content, **more}


CALL = [{"id": "abcdefghi", "type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": [2.5, None], "é": "x\n\"y\""}}}]
CONVERSATIONS = [
    [turn("user", "Hello")],
    [turn("system", " Be brief. "), turn("user", "Hi\nthere ")],
    [turn("user", "  Wie geht's, Ünïcode 你好 \u3000"), turn("assistant", " Good \n"), turn("user", "")],
    [turn("system", "S"), turn("user", "a"), turn("assistant", "b"), turn("user", "c"), turn("assistant", "d"), turn("user", "e")],
    [turn("user", "Tell me"), turn("assistant", "Once upon a ")],
    [turn("user", "Tell me"), turn("assistant", "<think>\nhm\n</think>\n\nYes, and")],
    [turn("assistant", "first"), turn("user", "second")],
    [turn("user", "a"), turn("user", "b")],
    [turn("user", "1 + 2?"), turn("assistant", None, tool_calls=CALL), turn("tool", "3", name="add"), turn("tool", "three"), turn("user", "so?")],
    [turn("user", [{"type": "text", "text": "what is\nthis"}, {"type": "image", "image": "x.png"}])],
    [turn("user", "q"), turn("assistant", "a", reasoning="because"), turn("user", "why")],
    [turn("other", "role"), turn("user", "{{ 7 * 7 }} <|im_end|> {% if %}")],
    [turn("user", {"content": "a mapping", "n": 1})],
    [turn("system", ""), turn("user", "\r\n\ttabs\x1c")],
]


class Clock:
    """The time the tests say it is, in UTC."""

    @staticmethod
    def now():
        import datetime
        return datetime.datetime.fromtimestamp(1767225600, datetime.timezone.utc)


def tokenizer(template):
    tok = tf.PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), bos_token="<s>", eos_token="</s>")
    tok.chat_template = template
    return tok


def answer(tok, messages):
    """What the pipeline would hand to the model, or the error."""
    more = messages[-1]["role"] == "assistant"
    try:
        return tok.apply_chat_template(messages, tokenize=False, add_generation_prompt=not more, continue_final_message=more), None
    except Exception as e:
        return None, f"{type(e).__name__}: {e}"


def main():
    chat_template_utils.datetime = Clock
    lines = []
    for style, template in STYLES.items():
        folder = OUT / style
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8", newline="")
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": {"content": "</s>"}}
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
        tok = tokenizer(template)
        for messages in CONVERSATIONS:
            text, error = answer(tok, messages)
            row = {"style": style, "messages": messages}
            row.update({"refused": True} if error else {"text": text})
            lines.append(json.dumps(row, ensure_ascii=False))
    (OUT / "expected.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(len(lines), "rows,", sum('"refused"' in line for line in lines), "refused")


if __name__ == "__main__":
    main()
