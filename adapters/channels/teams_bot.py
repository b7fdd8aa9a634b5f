"""The only module that imports the SDK: botbuilder-core takes an activity apart by type and name, and calls us.

Its adapter side is ours: what the SDK would send goes through our connector client (pace, time-outs, retries), and what
an invoke is answered with is plain JSON made by us. (Stock `CloudAdapter` serialises invoke bodies twice, which turns
every `Action.Execute` into a 500.) Imported only when the channel is switched on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botbuilder.core import BotAdapter, InvokeResponse, TurnContext  # type: ignore[import-untyped]
from botbuilder.core.teams import TeamsActivityHandler  # type: ignore[import-untyped]
from botbuilder.schema import Activity as SdkActivity  # type: ignore[import-untyped]
from botbuilder.schema import ChannelAccount, ConversationAccount, ConversationReference, ResourceResponse

from adapters.channels.teams_activities import Activity
from adapters.channels.teams_answers import Answer
from adapters.channels.teams_connector import Connector
from adapters.channels.teams_turns import Turns

_OURS = "secdesk.activity"
_INVOKES = frozenset(
    {"adaptiveCard/action", "composeExtension/fetchTask", "composeExtension/submitAction", "fileConsent/invoke"}
)


class SecdeskBot(TeamsActivityHandler):  # type: ignore[misc]
    """Each kind of activity that means something to us, handed to `Turns`."""

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self._turns = turns

    async def on_message_activity(self, turn_context: TurnContext) -> None:
        await self._turns.take(turn_context.turn_state[_OURS], invoked=False)

    async def on_message_update_activity(self, turn_context: TurnContext) -> None:
        await self._turns.take(turn_context.turn_state[_OURS], invoked=False)

    async def on_message_delete_activity(self, turn_context: TurnContext) -> None:
        await self._turns.take(turn_context.turn_state[_OURS], invoked=False)

    async def on_conversation_update_activity(self, turn_context: TurnContext) -> None:
        await self._turns.take(turn_context.turn_state[_OURS], invoked=False)

    async def on_installation_update(self, turn_context: TurnContext) -> None:
        await self._turns.take(turn_context.turn_state[_OURS], invoked=False)

    async def on_invoke_activity(self, turn_context: TurnContext) -> InvokeResponse:
        """Our own, or 501 as the SDK would say."""
        if turn_context.activity.name not in _INVOKES:
            return InvokeResponse(status=501)
        answer = await self._turns.take(turn_context.turn_state[_OURS], invoked=True) or Answer()
        return InvokeResponse(status=answer.status, body=dict(answer.body))


class Adapter(BotAdapter):  # type: ignore[misc]
    """`BotAdapter` over our connector client."""

    def __init__(self, connector: Connector) -> None:
        super().__init__()
        self._connector = connector

    async def process(self, raw: Mapping[str, Any], activity: Activity, bot: SecdeskBot) -> Answer | None:
        """Run one turn; what an invoke is answered with, None for everything else."""
        context = TurnContext(self, typed(raw, activity))
        context.turn_state[_OURS] = activity
        await self.run_pipeline(context, bot.on_turn)
        answered = context.turn_state.get(BotAdapter._INVOKE_RESPONSE_KEY)
        if answered is None:
            return None
        return Answer(answered.value.body or {}, answered.value.status)

    async def send_activities(self, context: TurnContext, activities: list[SdkActivity]) -> list[ResourceResponse]:
        """Post them; an invoke's answer is kept for the HTTP response instead."""
        sent = []
        for activity in activities:
            if activity.type == "invokeResponse":
                context.turn_state[BotAdapter._INVOKE_RESPONSE_KEY] = activity
                sent.append(ResourceResponse())
                continue
            to = activity.conversation.id
            posted = await self._connector.post(context.activity.service_url, to, activity.serialize())
            sent.append(ResourceResponse(id=posted))
        return sent

    async def update_activity(self, context: TurnContext, activity: SdkActivity) -> ResourceResponse:
        url, to = context.activity.service_url, activity.conversation.id
        await self._connector.put(url, to, activity.id, activity.serialize())
        return ResourceResponse(id=activity.id)

    async def delete_activity(self, context: TurnContext, reference: ConversationReference) -> None:
        """We never take back what was said."""
        raise NotImplementedError


def typed(raw: Mapping[str, Any], activity: Activity) -> SdkActivity:
    """What the SDK needs to tell activities apart and to reply. Its own deserialiser takes longer than all the rest of a
    turn, refuses dates it does not like, and everything else has been read already."""
    added, action = raw.get("membersAdded"), raw.get("action")
    members = (
        [ChannelAccount(id=item.get("id")) for item in added if isinstance(item, dict)]
        if isinstance(added, list)
        else None
    )
    return SdkActivity(
        type=raw["type"], id=activity.id, name=activity.name or None, channel_id=raw.get("channelId"),
        service_url=activity.service_url, text=activity.text, members_added=members,
        action=action if isinstance(action, str) else None, reply_to_id=activity.card or None,
        conversation=ConversationAccount(id=activity.address), recipient=ChannelAccount(id=activity.bot),
        from_property=ChannelAccount(id=activity.sender.id, aad_object_id=activity.sender.aad),
    )  # fmt: skip
