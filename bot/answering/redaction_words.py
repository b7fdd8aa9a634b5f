"""The words that tell a pasted secret from talk about one. English, German, French, Spanish. Lower case, accents kept."""

from __future__ import annotations

# What a password is called. Compounds ("Windows-Passwort") are known by their end, so no pattern walks back over a long word.
NAMES = (
    r"(?:(?:passwor[dt]|passwd|kennwort|passphrase|motdepasse|contraseñas?|contrasenas?)|\b(?:pass[- ]?words?|pwd?|pswd?"
    r"|mots? de passe|mdp|clave))"
)
NAME_HINTS = ("pass", "pw", "psw", "kennwort", "mdp", "contrase", "clave")
# After "my password is": what follows is talk, whatever comes after it.
_TALK = (
    # English
    "a about above accepted actually all already also always an any anything around as asked asking at available bad "
    "because been before being below better between blocked both broken by cached case changed changing compromised "
    "confidential copied created currently deactivated deleted denied different disabled displayed done down due easy "
    "empty enabled encrypted enough entered every exactly expired expires expiring exposed failing fine for forgotten "
    "from full generated getting given going gone good hacked hard has hashed have here hidden how i if ignored in "
    "incorrect incorrectly insecure invalid is it its just kept known lacking leaked less like locked logged long longer "
    "lost made managed mandatory masked maybe me meant missing mistyped more much my needed never new no none not "
    "nothing now obsolete of off ok okay old on only optional or our out outdated over overdue part pending perhaps "
    "printed probably prompted protected public ready really refused rejected remembered removed repeated requested "
    "required reset resetting restricted reused same saved secret secure seen sent set shared short shorter shown so "
    "somehow someone something somewhere stale still stolen stored strong stuck such supposed synced syncing taken that "
    "the their them then there these they this those to too trivial typed unchanged under unknown until unsafe up "
    "updated used useless valid very via visible was we weak were what when where which who why will with within without "
    "working worthless would written wrong wrongly yes your n/a na tbd "
    # German
    "abgefragt abgelaufen abgelehnt aber alle alt am an anders auch auf aus ausgelaufen bei bekannt bereits besser bitte "
    "blockiert da dann das dass dem den denn der derzeit des die dort du ein eine einem einen einfach er erforderlich es "
    "etwas falsch fast für fällig gar ganz geändert gehackt geheim geknackt gelöscht gerade gesetzt gespeichert gesperrt "
    "gestohlen gültig gut hier hinterlegt ihr im immer in inkorrekt ist ja jetzt kaputt kein keine kompromittiert "
    "kurz lang leer leider mein mir mit nach neu nicht nichts nie noch notwendig nötig nur oder öffentlich ohne richtig "
    "schlecht schon schwach sehr sicher so stark temporär übernommen überall um und unbekannt ungültig unsicher "
    "unverändert veraltet vergessen verloren verschlüsselt verschwunden viel vom von vor wahrscheinlich weg weil wichtig "
    "wie wieder wo zu zum zur zurückgesetzt "
    # French
    "à accepté ai alors ancien au aussi aux avec bien bloqué bon car ce celui certainement changé compromis connu "
    "court dans de demandé déjà depuis des désactivé désormais différent du dur déjà échu effacé elle en encore "
    "enregistré erroné et être expiré exposé facile faible fausse faux fort fuité il ils inconnu incorrect invalide je "
    "jamais juste l' la le les long lors mal mauvais même mémorisé mis modifié moins mon ne non nouveau nul obligatoire "
    "on ou où oublié par pas perdu périmé piraté plus pour protégé public qu' quand que qui refusé rejeté requis "
    "réinitialisé sans sauvegardé secret si stocké sur sécurisé toujours tout très trop un une unique valide vide visible "
    "volé vraiment y "
    # Spanish
    "aceptada ahora al algo antigua aún bien bloqueada caducada cambiada como con conocida corta de débil "
    "del demasiado desconocida diferente difícil distinta donde él el ella en entonces era errónea es esa ese esta "
    "está este expirada falsa fácil fuerte guardada hackeada igual inválida incorrecta insegura la larga las lo los mal "
    "mala más mi misma mucho muy necesaria ni ninguna no nueva o obligatoria olvidada para perdida pero poco por porque "
    "pública que rechazada requerida robada secreta segura sin sino su también temporal todavía tu un una única "
    "vacía válida vieja visible y ya"
)  # fmt: skip
TALK = frozenset(_TALK.split())
# Words that are talk only when nothing of weight follows ("my password is correct" against "correct horse battery").
TALK_ALONE = frozenset(
    ("correct", "correcta", "correcto", "korrekt", "right", "true", "false", "default", "hello", "help", "please", "richtig",
     "wahr", "vrai", "verdad", "cierto")
)  # fmt: skip
# Adverbs between "is" and the secret.
STILL = (
    r"(?:still|now|currently|just|simply|actually|noch|jetzt|momentan|immer noch|toujours|encore|maintenant|todavía|ahora"
    r"|sigue siendo)"
)
IS = r"(?:is|was|are|will be|lautet|heißt|heisst|ist|war|wäre|est|était|sera|es|era|será|c'est|=>|->|→)"
# Where the sentence goes on after the secret.
GOES_ON = (
    r"\s+(?:and|but|so|because|or|und|aber|weil|doch|et|mais|car|y|pero|porque)\s+(?:i|it|he|she|they|we|my|now|then|this|that"
    r"|can|please|still|ich|es|er|sie|wir|das|jetzt|je|j'|il|elle|on|ça|cela|ce|maintenant|yo|no|me|lo|la|ahora|sigue)\b"
    r"|[,;]\s+(?:and|but|so|can|could|please|i|it|what|why|is|und|aber|kann|bitte|ich|was|warum|et|mais|je|pouvez|y|pero|puede"
    r"|por)\b"
    r"|\s+(?:can you|could you|please|kannst du|können sie|bitte|pouvez-vous|s'il vous|puede|podría|por favor)\b"
    r"|[.!?]\s+(?=[A-ZÄÖÜÉÀ¿¡]?[a-zäöüéàñ']+\s)"
)
UNITS = (
    r"\d+\s*(?:-\s*)?(?:characters?|chars?|letters?|digits?|days?|weeks?|months?|years?|hours?|times|zeichen|stellen|tage|wochen"
    r"|monate|jahre|mal|stunden|caract[èe]res?|jours?|mois|ans?|fois|caracteres|d[íi]as|meses|años|veces)\b"
)
CODE = (
    r"codes?(?!\w)|c[óo]digos?(?!\w)|\b(?:otps?|tans?|pins?)(?!\w)|(?:smstan|pushtan|geheimzahl)(?!\w)|einmalpasswor[dt]"
    r"|\b(?:verification|security|one[- ]time) (?:number|token|password)s?(?!\w)"
)
# What may be written together with "code" and still means a code to keep.
COMPOUND_CODE = (
    r"(?:pass|sms|otp|pin|sicherheits|bestätigungs|verifizierungs|einmal|anmelde|freischalt|authentifizierungs|zahlen|zugangs)"
    r"\Z"
)
CODE_HINTS = ("code", "tan", "otp", "pin", "codigo", "código", "token", "geheimzahl", "einmal", "number")
# "error code 80070005" and the like are no secrets.
PLAIN_CODE = (
    r"(?<!\w)(?:error|status|zip|post(?:al)?|area|country|cost|dress|discount|coupon|promo|voucher|product|item|article|source|bar|qr|exit"
    r"|stop|event|project|booking|order|invoice|tracking|reason|return|response|http|fehler|kosten|artikel|rabatt|produkt|projekt|quell"
    r"|strich|erreur|postal|article|produit|projet|d'erreur|de error|de producto|de barras|de proyecto|de descuento)[ -]?\Z"
)
# Numbers after these are not codes.
NUMBERED = (
    r"(?:order|invoice|ticket|case|incident|tracking|customer|account|reference|ref|po|room|ext|extension|phone|tel|telephone|mobile"
    r"|call|fax|bestell\w*|rechnung\w*|vorgang\w*|kunden\w*|telefon\w*|tel|zimmer|raum|durchwahl|commande|facture|dossier|client|téléphone"
    r"|poste|bureau|cost cent(?:re|er)|kostenstelle|centre de coûts|centro de coste|pedido|factura|caso|cliente|teléfono"
    r"|extensión|sala)"
    r"(?:[ -]?(?:no|nr|number|nummer|numéro|numero|número|id|num|#))?\.?"
)
