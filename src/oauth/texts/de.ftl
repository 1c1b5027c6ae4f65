# Die Worte der Seiten, auf Deutsch.

days = { $count ->
    [one] 1 Tag
   *[other] { $count } Tage
}
hours = { $count ->
    [one] 1 Stunde
   *[other] { $count } Stunden
}
minutes = { $count ->
    [one] 1 Minute
   *[other] { $count } Minuten
}
seconds = { $count ->
    [one] 1 Sekunde
   *[other] { $count } Sekunden
}

error-prefix = Fehler:

login-title = Anmelden
login-lead-client-tenant = { $client } bittet um Anmeldung mit dem Konto bei { $tenant }.
login-lead-tenant = Mit dem Konto bei { $tenant }.
login-lead = Mit dem eigenen Konto.
login-organisation = Organisation
login-username = Benutzername
login-password = Passwort
login-submit = Anmelden
login-wrong = Benutzername oder Passwort stimmt nicht.
login-note = Das Passwort bleibt hier. { $client } bekommt es nie zu sehen.

consent-title = Zugriff erlauben
consent-heading = { $client } den Zugriff erlauben?
consent-lead = Die Anwendung möchte in Ihrem Namen bei { $tenant } handeln.
consent-scopes = Sie darf dann
consent-nothing = Wissen, dass Sie angemeldet sind, und sonst nichts.
consent-who = Angemeldet als
consent-not-you = Nicht Sie? Abmelden
consent-where = Weiter zu
consent-lasts = Gilt
consent-until = { $duration }, oder bis Sie es widerrufen
consent-deny = Ablehnen
consent-allow = Erlauben
consent-note = Nur erlauben, wenn Sie den Vorgang selbst begonnen haben und { $host } vertrauen.

logout-title = Sie sind abgemeldet
logout-text = Diese Seite kann geschlossen werden.

message-code = Code
message-detail = Einzelheit
message-decision = Vorgangsnummer
message-help = Bei Rückfragen bitte die Vorgangsnummer angeben.

error-attempts = Zu viele Versuche
error-attempts-text = Zu Ihrem Schutz ist der nächste Versuch erst in { $duration } möglich.
error-conflict = Das wurde schon beantwortet
error-conflict-text = Nichts ist doppelt geschehen. Bitte zurück zur Anwendung gehen und bei Bedarf neu beginnen.
error-forbidden = Das ist nicht erlaubt
error-forbidden-text = Die Anfrage kam nicht von einer Seite dieses Dienstes, oder sie ist zu alt. Bitte zurück zur Anwendung gehen und neu beginnen.
error-unavailable = Das geht gerade nicht
error-unavailable-text = Es liegt nicht an Ihnen. Bitte gleich noch einmal versuchen.
error-bad = Dieser Link funktioniert nicht
error-bad-text = Bitte zurück zur Anwendung gehen und es noch einmal versuchen. Hilft das nicht, wissen die Betreiber der Anwendung weiter.

echo-back = Zurück bei der Anwendung
echo-code = Sie hat den Code unten bekommen und eine Minute Zeit, ihn unter /oauth/token gegen Tokens zu tauschen.
echo-refused = Zurück bei der Anwendung, ohne Zugriff
echo-reason = Ihr wurde der Grund unten genannt.
echo-nothing = Sie hat keinen Code bekommen. Ein Token des impliziten Ablaufs steht in der Adresszeile hinter dem #.

login-elsewhere = Mit { $provider } anmelden

elsewhere-ended = Diese Anmeldung ist beendet
elsewhere-ended-text = Sie war schon abgeschlossen, hat zu lange gedauert oder wurde in einem anderen Browser begonnen. Bitte zurück zur Anwendung gehen und es noch einmal versuchen.
elsewhere-foreign = Diese Antwort kommt nicht von { $provider }
elsewhere-foreign-text = Niemand wurde angemeldet. Bitte zurück zur Anwendung gehen und es noch einmal versuchen.
elsewhere-denied = Keine Anmeldung mit { $provider }
elsewhere-denied-text = Bitte zurück zur Anwendung gehen, um es noch einmal oder mit dem Passwort zu versuchen.
elsewhere-down = { $provider } funktioniert gerade nicht
elsewhere-later = Bitte etwas später noch einmal versuchen oder mit dem Passwort anmelden.
elsewhere-refused = { $provider } hat die Anmeldung abgelehnt
elsewhere-refused-text = Bitte noch einmal versuchen. Geschieht es wieder, hilft die Administration mit dem Code unten weiter.
elsewhere-unreachable = { $provider } ist gerade nicht erreichbar
elsewhere-unproven = Die Antwort von { $provider } wurde abgelehnt
elsewhere-unproven-text = Sie beweist nicht, wer Sie sind. Bitte noch einmal versuchen. Geschieht es wieder, hilft die Administration mit dem Code unten weiter.
elsewhere-not-linked = Ihr Konto bei { $provider } ist nicht verknüpft
elsewhere-not-linked-text = Bitte zuerst hier mit Benutzername und Passwort anmelden und das Konto dann auf der Kontoseite verknüpfen.
elsewhere-nothing = Nichts wurde verknüpft
elsewhere-other-session = Inzwischen wurde abgemeldet oder jemand anderes angemeldet. Bitte anmelden und das Konto noch einmal verknüpfen.
elsewhere-taken = Dieses Konto bei { $provider } gehört hier schon zu jemand anderem, oder es ist bereits ein anderes verknüpft. Bitte zuerst diese Verknüpfung lösen.
elsewhere-disabled = Die Anmeldung ist hier nicht erlaubt
elsewhere-disabled-text = Das Konto ist gesperrt. Die Administration hilft weiter.

factor-title = Bestätigen, dass Sie es sind
factor-lead = Noch ein Schritt bis zur Anmeldung als { $user }.
factor-code = Code der Authenticator-App
factor-continue = Weiter
factor-passkey = Passkey verwenden
factor-passkey-failed = Der Passkey wurde nicht verwendet. Bitte noch einmal versuchen oder einen anderen Weg wählen.
factor-no-passkeys = Dieser Browser kennt keine Passkeys.
factor-no-script = Ein Passkey braucht ein Skript im Browser, und Skripte sind ausgeschaltet.
factor-recovery = Wiederherstellungscode verwenden
factor-recovery-code = Wiederherstellungscode
factor-recovery-use = Diesen Code verwenden
factor-somebody-else = Mit einem anderen Konto anmelden
factor-wrong = Das stimmte nicht oder wurde schon verwendet. Bitte mit einem neuen Code noch einmal versuchen.
factor-too-often = Der zweite Schritt stimmte zu oft nicht. Bitte neu anmelden.

setup-title = Zweiten Schritt einrichten
setup-lead = Noch ein Schritt bis zur Anmeldung als { $user }. Die Organisation verlangt ihn, damit ein Passwort allein nichts öffnet.
setup-app = Mit einer Authenticator-App
setup-scan = Diesen Code mit der App einlesen oder die Buchstaben darunter eintippen.
setup-code = Code, den die App zeigt
setup-passkey = Mit einem Passkey
setup-passkey-how = Das Gerät fragt nach Finger, Gesicht oder PIN.
setup-passkey-make = Passkey anlegen
setup-passkey-failed = Es wurde kein Passkey angelegt. Bitte noch einmal versuchen oder einen anderen Weg wählen.
setup-own-lead = Von da an gehört er außer dem Passwort zur Anmeldung.
setup-password = Ihr Passwort
setup-not-password = Das ist nicht Ihr Passwort.
setup-name = Sein Name, damit Sie ihn wiedererkennen
setup-use-app = Diese App verwenden
setup-back = Zurück zum Konto
setup-wrong = Das stimmte nicht. Bitte mit einem neuen Code noch einmal versuchen.

recovery-title = Ihre Wiederherstellungscodes
recovery-lead = Mit einem davon gelingt die Anmeldung, wenn der zweite Schritt verloren ist. Jeder gilt einmal. Sie werden nur jetzt gezeigt: bitte ausdrucken oder aufschreiben.
recovery-kept = Ich habe sie aufbewahrt

account-title = Ihr Konto
account-lead = Angemeldet als { $user } bei { $tenant }.
account-sign-out = Abmelden
account-end = Beenden

done-session = Diese Sitzung ist beendet.
done-sessions = Alle anderen Sitzungen sind beendet.
done-application = Diese Anwendung hat keinen Zugriff mehr.
done-device = Dieses Gerät hat keinen Zugriff mehr.
done-password = Das Passwort ist geändert. Alle anderen Sitzungen und Anwendungen wurden abgemeldet.
done-factor = Der zweite Schritt ist eingerichtet. Er wird von nun an verlangt.
done-factor-removed = Dieser zweite Schritt ist entfernt.
done-codes = Es gelten die neuen Wiederherstellungscodes, die alten nicht mehr.
done-linked = Dieses Konto ist verknüpft.
done-unlinked = Dieses Konto ist nicht mehr verknüpft.

sessions-title = Wo Sie angemeldet sind
sessions-program = Ein anderes Programm
sessions-this = Dieser Browser
sessions-since = seit { $since }, zuletzt gesehen { $seen } UTC
sessions-end-label = Die Sitzung seit { $since } beenden
sessions-others = Überall sonst abmelden

applications-title = Anwendungen mit Zugriff
applications-none = Keine Anwendung darf in Ihrem Namen handeln.
applications-since = seit { $since } UTC
applications-used = seit { $since }, zuletzt Zugriff erhalten { $used } UTC
applications-end-label = Den Zugriff von { $client } beenden
devices-title = Geräte mit Zugriff

linked-title = Verknüpfte Konten
linked-lead = Mit einem verknüpften Konto geht die Anmeldung hier ohne Passwort.
linked-sign-in-anew = Um das zu ändern, bitte zuerst abmelden und neu anmelden.
linked-since = verknüpft seit { $since } UTC
linked-used = verknüpft seit { $since }, zuletzt verwendet { $used } UTC
linked-not = nicht verknüpft
linked-ended = Der Zugriff dort ist beendet. Eine neue Anmeldung damit erneuert ihn.
linked-again = Neu anmelden
linked-link = Verknüpfen
linked-link-label = { $provider } verknüpfen
linked-unlink = Verknüpfung lösen
linked-unlink-label = Die Verknüpfung mit { $provider } lösen
linked-last-way = Sie haben kein Passwort: ohne dieses Konto wäre keine Anmeldung mehr möglich.

password-title = Passwort
password-lead = Ein neues Passwort meldet Sie überall sonst ab und beendet den Zugriff aller Anwendungen.
password-current = Bisheriges Passwort
password-new = { $count ->
    [one] Neues Passwort
   *[other] Neues Passwort, mindestens { $count } Zeichen
}
password-again = Neues Passwort, noch einmal
password-submit = Passwort ändern
password-not-current = Das ist nicht das bisherige Passwort.
password-differ = Die beiden neuen Passwörter sind verschieden.
password-short = { $count ->
    [one] Das neue Passwort ist leer.
   *[other] Das neue Passwort braucht mindestens { $count } Zeichen.
}
password-long = Das neue Passwort ist zu lang.
password-name = Das neue Passwort darf den Benutzernamen nicht enthalten.
password-same = Das neue Passwort ist das bisherige.

factors-title = Zweiter Schritt
factors-none = Das Passwort allein genügt zur Anmeldung. Mit einem zweiten Schritt kommt nicht weiter, wer es erfährt.
factors-some = Zur Anmeldung gehört außer dem Passwort eines davon.
factors-app = Authenticator-App
factors-since = seit { $since } UTC
factors-used = seit { $since }, zuletzt verwendet { $used } UTC
factors-remove = Entfernen
factors-remove-label = { $name } entfernen
factors-codes = Wiederherstellungscodes
factors-left = { $count ->
    [one] 1 ist übrig
   *[other] { $count } sind übrig
}
factors-renew = Erneuern
factors-renew-label = Wiederherstellungscodes erneuern
factors-stale = Um das zu ändern, bitte zuerst neu anmelden.
factors-again = Neu anmelden
factors-set-up = Zweiten Schritt einrichten
factors-add = Weiteren hinzufügen
factors-required = Die Organisation verlangt einen zweiten Schritt. Bitte zuerst einen anderen einrichten.

activity-title = Letzte Vorgänge
activity-lead = Waren Sie etwas davon nicht, sollten Sie Ihr Passwort ändern. Alle Zeiten in UTC.
activity-times = { $count ->
    [one] einmal
   *[other] { $count } Mal
}
activity-login = Anmeldung
activity-wrong-here = Auf dieser Seite wurde ein falsches Passwort angegeben
activity-wrong = Anmeldeversuch mit falschem Passwort
activity-wrong-digest = Zugriffsversuch eines Telefonprogramms mit falschem Passwort
activity-digest-replayed = Eine Anfrage eines Telefonprogramms kam zweimal, vielleicht von einem Dieb: sie wurde abgelehnt
activity-logout = Abmeldung
activity-session-ended = Eine andere Sitzung wurde von Ihnen beendet
activity-password = Das Passwort wurde geändert
activity-refused = Ein Zugriff wurde abgelehnt
activity-allowed = Ein Zugriff wurde erlaubt
activity-issued = Eine Anwendung erhielt Zugriff
activity-refreshed = Eine Anwendung erneuerte ihren Zugriff
activity-given-up = Eine Anwendung gab ihren Zugriff auf
activity-grant-ended = Der Zugriff einer Anwendung wurde von Ihnen beendet
activity-device-ended = Der Zugriff eines Geräts wurde von Ihnen beendet
activity-reused = Etwas von einer Anwendung wurde zweimal verwendet, vielleicht von einem Dieb: ihr Zugriff wurde beendet
activity-call-ended = Die Administration beendete einen Anruf
activity-made = Die Administration legte Ihr Konto an
activity-signed-out = Die Administration meldete Sie ab
activity-access-ended = Die Administration beendete den Zugriff von Anwendungen
activity-changed = Die Administration änderte Ihr Konto
activity-login-linked = Anmeldung mit einem verknüpften Konto
activity-factor-failed = Jemand, der das Passwort kannte, machte den zweiten Schritt falsch
activity-factor-added = Ein zweiter Schritt wurde eingerichtet
activity-factor-removed = Ein zweiter Schritt wurde entfernt
activity-recovery-codes = Neue Wiederherstellungscodes wurden erzeugt
activity-linked = Ein Konto bei einem anderen Anbieter wurde verknüpft
activity-unlinked = Die Verknüpfung mit einem Konto bei einem anderen Anbieter wurde von Ihnen gelöst
activity-login-again = Der Zugriff auf ein verknüpftes Konto ist beendet: bitte damit neu anmelden
activity-factors-reset = Die Administration entfernte Ihre zweiten Schritte
activity-unlinked-there = Die Administration löste die Verknüpfung mit einem Konto
activity-other = Etwas anderes geschah

device-title = Gerät verbinden
device-lead = Bitte den Code eingeben, den das Gerät zeigt.
device-code = Code
device-continue = Weiter
device-wrong = Dieser Code stimmt nicht oder ist abgelaufen. Bitte mit dem Gerät vergleichen.
device-note = Nur mit einem Code fortfahren, den ein Gerät vor Ihnen zeigt. Kein Support wird Ihnen je einen schicken.

device-grant-title = Gerät erlauben
device-grant-heading = Einem Gerät mit { $client } den Zugriff erlauben?
device-grant-warning = Das Gerät muss genau diesen Code zeigen. Hat ihn jemand geschickt, bitte ablehnen: er könnte sonst in Ihrem Namen handeln.
device-grant-label = Gerät
device-grant-asked = Angefragt
device-grant-ago = vor { $duration }
device-grant-from = Von
device-allowed = Das Gerät hat Zugriff
device-allowed-text = Es macht in wenigen Sekunden von selbst weiter. Diese Seite kann geschlossen werden.
device-denied = Das Gerät hat keinen Zugriff
device-denied-text = Nichts wurde erlaubt. Diese Seite kann geschlossen werden.
