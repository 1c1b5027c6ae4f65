# Le parole delle pagine, in italiano.

days = { $count ->
    [one] 1 giorno
   *[other] { $count } giorni
}
hours = { $count ->
    [one] 1 ora
   *[other] { $count } ore
}
minutes = { $count ->
    [one] 1 minuto
   *[other] { $count } minuti
}
seconds = { $count ->
    [one] 1 secondo
   *[other] { $count } secondi
}

error-prefix = Errore:

login-title = Accesso
login-lead-client-tenant = { $client } chiede di accedere con l’account presso { $tenant }.
login-lead-tenant = Con l’account presso { $tenant }.
login-lead = Con il proprio account.
login-organisation = Organizzazione
login-username = Nome utente
login-password = Password
login-submit = Accedi
login-wrong = Nome utente o password non corretti.
login-note = La password resta qui. { $client } non la vede mai.

consent-title = Consentire l’accesso
consent-heading = Consentire l’accesso a { $client }?
consent-lead = Chiede di agire a Suo nome presso { $tenant }.
consent-scopes = Potrà
consent-nothing = Sapere che Lei ha effettuato l’accesso, e nient’altro.
consent-who = Accesso come
consent-not-you = Non è Lei? Esci
consent-where = Destinazione
consent-lasts = Durata
consent-until = { $duration }, o fino alla revoca
consent-deny = Rifiuta
consent-allow = Consenti
consent-note = Consentire solo se l’operazione è stata avviata da Lei e { $host } è affidabile.

logout-title = Disconnessione effettuata
logout-text = Questa pagina si può chiudere.

message-code = Codice
message-detail = Dettaglio
message-decision = Codice dell’operazione
message-help = Per ricevere assistenza, indicare il codice dell’operazione.

error-attempts = Troppi tentativi
error-attempts-text = Per la Sua sicurezza, il prossimo tentativo è possibile tra { $duration }.
error-conflict = Risposta già data
error-conflict-text = Nulla è stato fatto due volte. Tornare all’applicazione e, se serve, ricominciare.
error-forbidden = Operazione non consentita
error-forbidden-text = La richiesta non proviene da una pagina di questo servizio, o è troppo vecchia. Tornare all’applicazione e ricominciare.
error-unavailable = Al momento non funziona
error-unavailable-text = Non dipende da Lei. Riprovare tra poco.
error-bad = Questo link non funziona
error-bad-text = Tornare all’applicazione e riprovare. Se il problema continua, avvisare chi gestisce l’applicazione.

echo-back = Di nuovo nell’applicazione
echo-code = Ha ricevuto il codice qui sotto e ha un minuto per scambiarlo con dei token presso /oauth/token.
echo-refused = Di nuovo nell’applicazione, senza accesso
echo-reason = Le è stato comunicato il motivo qui sotto.
echo-nothing = Non ha ricevuto alcun codice. Un token del flusso implicito si trova nella barra degli indirizzi, dopo il #.

login-elsewhere = Accedi con { $provider }

elsewhere-ended = Questo accesso è terminato
elsewhere-ended-text = Era già concluso, è durato troppo o è iniziato in un altro browser. Tornare all’applicazione e riprovare.
elsewhere-foreign = Questa risposta non proviene da { $provider }
elsewhere-foreign-text = Nessuno ha effettuato l’accesso. Tornare all’applicazione e riprovare.
elsewhere-denied = Nessun accesso con { $provider }
elsewhere-denied-text = Tornare all’applicazione per riprovare, o per accedere con la password.
elsewhere-down = { $provider } al momento non funziona
elsewhere-later = Riprovare più tardi, o accedere con la password.
elsewhere-refused = { $provider } ha rifiutato l’accesso
elsewhere-refused-text = Riprovare. Se succede di nuovo, comunicare all’amministratore il codice qui sotto.
elsewhere-unreachable = { $provider } al momento non è raggiungibile
elsewhere-unproven = La risposta di { $provider } è stata rifiutata
elsewhere-unproven-text = Non prova la Sua identità. Riprovare. Se succede di nuovo, comunicare all’amministratore il codice qui sotto.
elsewhere-not-linked = L’account presso { $provider } non è collegato
elsewhere-not-linked-text = Accedere prima qui con nome utente e password. Poi collegarlo nella pagina dell’account.
elsewhere-nothing = Nessun collegamento effettuato
elsewhere-other-session = Nel frattempo c’è stata una disconnessione o l’accesso di un’altra persona. Accedere e collegare di nuovo l’account.
elsewhere-taken = Quell’account presso { $provider } appartiene qui a un’altra persona, oppure ne è già collegato un altro. Rimuovere prima quel collegamento.
elsewhere-disabled = Accesso non consentito
elsewhere-disabled-text = L’utente è disattivato. Rivolgersi all’amministratore.

factor-title = Confermare la propria identità
factor-lead = Ancora un passo per accedere come { $user }.
factor-code = Codice dell’app di autenticazione
factor-continue = Continua
factor-passkey = Usa una passkey
factor-passkey-failed = La passkey non è stata usata. Riprovare, o scegliere un altro modo.
factor-no-passkeys = Questo browser non ha passkey.
factor-no-script = Una passkey richiede uno script nel browser, e gli script sono disattivati.
factor-recovery = Usa un codice di recupero
factor-recovery-code = Codice di recupero
factor-recovery-use = Usa questo codice
factor-somebody-else = Accedi con un altro account
factor-wrong = Non era corretto, o era già stato usato. Riprovare con un nuovo codice.
factor-too-often = Il secondo passo non era corretto troppe volte. Accedere di nuovo.

setup-title = Configurare un secondo passo
setup-lead = Ancora un passo per accedere come { $user }. L’organizzazione lo richiede, perché una password da sola non apra nulla.
setup-app = Con un’app di autenticazione
setup-scan = Inquadrare questo codice con l’app, o digitarvi le lettere qui sotto.
setup-code = Codice mostrato dall’app
setup-passkey = Con una passkey
setup-passkey-how = Il dispositivo chiede l’impronta, il volto o il PIN.
setup-passkey-make = Crea una passkey
setup-passkey-failed = Nessuna passkey è stata creata. Riprovare, o scegliere un altro modo.
setup-own-lead = Da allora in poi servirà per accedere, oltre alla password.
setup-password = La Sua password
setup-not-password = Non è la Sua password.
setup-name = Il suo nome, per riconoscerla
setup-use-app = Usa questa app
setup-back = Torna all’account
setup-wrong = Non era corretto. Riprovare con un nuovo codice.

recovery-title = I Suoi codici di recupero
recovery-lead = Con uno di questi si accede quando il secondo passo è andato perso. Ognuno vale una volta. Si vedono solo ora: stamparli, o annotarli.
recovery-kept = Li ho conservati

account-title = Il Suo account
account-lead = Accesso come { $user } presso { $tenant }.
account-sign-out = Esci
account-end = Termina

done-session = Quella sessione è terminata.
done-sessions = Tutte le altre sessioni sono terminate.
done-application = Quell’applicazione non ha più accesso.
done-device = Quel dispositivo non ha più accesso.
done-password = La password è cambiata. Tutte le altre sessioni e applicazioni sono state disconnesse.
done-factor = Il secondo passo è configurato. D’ora in poi verrà richiesto.
done-factor-removed = Quel secondo passo è stato rimosso.
done-codes = Valgono i nuovi codici di recupero; quelli vecchi non più.
done-linked = Questo account è collegato.
done-unlinked = Questo account non è più collegato.

sessions-title = Dove risulta connesso
sessions-program = Un altro programma
sessions-this = Questo browser
sessions-since = dal { $since }, ultima attività { $seen } UTC
sessions-end-label = Termina la sessione iniziata il { $since }
sessions-others = Esci da tutte le altre sessioni

applications-title = Applicazioni con accesso
applications-none = Nessuna applicazione può agire a Suo nome.
applications-since = dal { $since } UTC
applications-used = dal { $since }, ultimo accesso ottenuto { $used } UTC
applications-end-label = Termina l’accesso di { $client }
devices-title = Dispositivi con accesso

linked-title = Account collegati
linked-lead = Con un account collegato si accede qui senza password.
linked-sign-in-anew = Per modificare, prima uscire e accedere di nuovo.
linked-since = collegato dal { $since } UTC
linked-used = collegato dal { $since }, ultimo uso { $used } UTC
linked-not = non collegato
linked-ended = Lì l’accesso è terminato. Accedere di nuovo con esso per rinnovarlo.
linked-again = Accedi di nuovo
linked-link = Collega
linked-link-label = Collega { $provider }
linked-unlink = Scollega
linked-unlink-label = Scollega { $provider }
linked-last-way = Lei non ha una password: senza questo account non potrebbe più accedere.

password-title = Password
password-lead = Una nuova password chiude tutte le altre sessioni e termina l’accesso di tutte le applicazioni.
password-current = Password attuale
password-new = { $count ->
    [one] Nuova password
   *[other] Nuova password, almeno { $count } caratteri
}
password-again = Nuova password, di nuovo
password-submit = Cambia la password
password-not-current = Non è la password attuale.
password-differ = Le due nuove password sono diverse.
password-short = { $count ->
    [one] La nuova password è vuota.
   *[other] La nuova password deve avere almeno { $count } caratteri.
}
password-long = La nuova password è troppo lunga.
password-name = La nuova password non deve contenere il nome utente.
password-same = La nuova password è quella attuale.

factors-title = Secondo passo
factors-none = Per accedere basta la password. Con un secondo passo, chi la scopre non va oltre.
factors-some = Oltre alla password, per accedere serve uno di questi.
factors-app = App di autenticazione
factors-since = dal { $since } UTC
factors-used = dal { $since }, ultimo uso { $used } UTC
factors-remove = Rimuovi
factors-remove-label = Rimuovi { $name }
factors-codes = Codici di recupero
factors-left = { $count ->
    [one] Ne resta 1
   *[other] Ne restano { $count }
}
factors-renew = Rinnova
factors-renew-label = Rinnova i codici di recupero
factors-stale = Per modificarli, accedere prima di nuovo.
factors-again = Accedi di nuovo
factors-set-up = Configura un secondo passo
factors-add = Aggiungine un altro
factors-required = L’organizzazione richiede un secondo passo. Configurarne prima un altro.

activity-title = Attività recenti
activity-lead = Se qualcosa non è opera Sua, cambiare la password. Tutti gli orari sono in UTC.
activity-times = { $count ->
    [one] una volta
   *[other] { $count } volte
}
activity-login = Accesso effettuato
activity-wrong-here = Password errata in questa pagina
activity-wrong = Tentativo di accesso con una password errata
activity-wrong-digest = Tentativo di accesso di un programma telefonico con una password errata
activity-digest-replayed = Una richiesta di un programma telefonico è arrivata due volte, forse da un ladro: è stata rifiutata
activity-logout = Disconnessione
activity-session-ended = Un’altra sessione è stata terminata da Lei
activity-password = Password cambiata
activity-refused = Accesso rifiutato a un’applicazione
activity-allowed = Accesso consentito a un’applicazione
activity-issued = Un’applicazione ha ottenuto l’accesso
activity-refreshed = Un’applicazione ha rinnovato l’accesso
activity-given-up = Un’applicazione ha rinunciato all’accesso
activity-grant-ended = L’accesso di un’applicazione è stato terminato da Lei
activity-device-ended = L’accesso di un dispositivo è stato terminato da Lei
activity-reused = Qualcosa di un’applicazione è stato usato due volte, forse da un ladro: il suo accesso è stato terminato
activity-call-ended = L’amministratore ha terminato una chiamata
activity-made = L’amministratore ha creato l’account
activity-signed-out = L’amministratore ha chiuso le sessioni
activity-access-ended = L’amministratore ha terminato l’accesso di applicazioni
activity-changed = L’amministratore ha modificato l’account
activity-login-linked = Accesso effettuato con un account collegato
activity-factor-failed = Qualcuno che conosceva la password ha sbagliato il secondo passo
activity-factor-added = Secondo passo configurato
activity-factor-removed = Secondo passo rimosso
activity-recovery-codes = Nuovi codici di recupero creati
activity-linked = Account presso un altro fornitore collegato
activity-unlinked = Collegamento con un account presso un altro fornitore rimosso da Lei
activity-login-again = L’accesso a un account collegato è terminato: accedere di nuovo con quello
activity-factors-reset = L’amministratore ha rimosso i secondi passi
activity-unlinked-there = L’amministratore ha rimosso il collegamento con un account
activity-other = È successo qualcos’altro

device-title = Collegare un dispositivo
device-lead = Digitare il codice mostrato dal dispositivo.
device-code = Codice
device-continue = Continua
device-wrong = Il codice non è corretto, o è scaduto. Confrontarlo con quello del dispositivo.
device-note = Proseguire solo con un codice mostrato da un dispositivo davanti a Lei. Nessuna assistenza Le invierà mai un codice.

device-grant-title = Consentire un dispositivo
device-grant-heading = Consentire l’accesso a un dispositivo con { $client }?
device-grant-warning = Il dispositivo deve mostrare proprio questo codice. Se qualcuno glielo ha inviato, rifiutare: agirebbe a Suo nome.
device-grant-label = Dispositivo
device-grant-asked = Richiesta
device-grant-ago = { $duration } fa
device-grant-from = Da
device-allowed = Il dispositivo ha accesso
device-allowed-text = Prosegue da solo tra pochi secondi. Questa pagina si può chiudere.
device-denied = Il dispositivo non ha accesso
device-denied-text = Nulla è stato consentito. Questa pagina si può chiudere.
