# The words of the pages. All languages have the same messages with the same arguments; a test sees to it.

# Durations, such as the life of a consent.
days = { $count ->
    [one] 1 day
   *[other] { $count } days
}
hours = { $count ->
    [one] 1 hour
   *[other] { $count } hours
}
minutes = { $count ->
    [one] 1 minute
   *[other] { $count } minutes
}
seconds = { $count ->
    [one] 1 second
   *[other] { $count } seconds
}

error-prefix = Error:

login-title = Sign in
login-lead-client-tenant = { $client } asks you to sign in with your account at { $tenant }.
login-lead-tenant = Use your account at { $tenant }.
login-lead = Use your account.
login-organisation = Organisation
login-username = User name
login-password = Password
login-submit = Sign in
login-wrong = That user name or password is not right.
login-note = Your password stays here. { $client } never sees it.

consent-title = Allow access
consent-heading = Allow { $client } access?
consent-lead = It asks to act for you at { $tenant }.
consent-scopes = It will be able to
consent-nothing = Know that you signed in, and nothing else.
consent-who = Signed in as
consent-not-you = Not you? Sign out
consent-where = Takes you to
consent-lasts = Lasts
consent-until = { $duration }, or until you withdraw it
consent-deny = Deny
consent-allow = Allow
consent-note = Allow this only if you started it yourself and trust { $host }.

logout-title = You are signed out
logout-text = You may close this page.

message-code = Code
message-detail = Detail
message-decision = Decision id
message-help = If you ask for help, pass on the decision id.

error-attempts = Too many attempts
error-attempts-text = For your protection, wait { $duration } before you try again.
error-conflict = This was answered already
error-conflict-text = Nothing was done twice. Go back to the application, and start again if you need to.
error-forbidden = This is not allowed
error-forbidden-text = The request did not come from a page of this site, or it is too old. Go back to the application and start again.
error-unavailable = This does not work now
error-unavailable-text = It is no fault of yours. Wait a moment and try again.
error-bad = This link does not work
error-bad-text = Go back to the application and try again. If it goes on, tell the people who run the application.

echo-back = Back at the application
echo-code = It got the code below, and has a minute to exchange it for tokens at /oauth/token.
echo-refused = Back at the application, without access
echo-reason = It was told the reason below.
echo-nothing = It got no code. A token of the implicit flow stands in the address bar, behind the #.

login-elsewhere = Sign in with { $provider }

elsewhere-ended = This login has ended
elsewhere-ended-text = It was finished already, took too long, or began in another browser. Go back to the application and try again.
elsewhere-foreign = This answer is not from { $provider }
elsewhere-foreign-text = Nobody was signed in. Go back to the application and try again.
elsewhere-denied = You did not sign in with { $provider }
elsewhere-denied-text = Go back to the application to try again, or to sign in with your password.
elsewhere-down = { $provider } does not work now
elsewhere-later = Try again in a while, or sign in with your password.
elsewhere-refused = { $provider } refused the login
elsewhere-refused-text = Try again. If it happens again, tell your administrator the code below.
elsewhere-unreachable = { $provider } cannot be reached now
elsewhere-unproven = The answer of { $provider } was refused
elsewhere-unproven-text = It does not prove who you are. Try again. If it happens again, tell your administrator the code below.
elsewhere-not-linked = Your account at { $provider } is not linked
elsewhere-not-linked-text = Sign in here with your user name and password first. Then link it on your account page.
elsewhere-nothing = Nothing was linked
elsewhere-other-session = You signed out, or somebody else signed in, meanwhile. Sign in and link the account again.
elsewhere-taken = That account at { $provider } belongs to another user here, or you have linked another one already. Unlink that first.
elsewhere-disabled = You may not sign in here
elsewhere-disabled-text = Your user is disabled. Ask your administrator.

factor-title = Confirm that it is you
factor-lead = One more step, and you are signed in as { $user }.
factor-code = Code of your authenticator app
factor-continue = Continue
factor-passkey = Use a passkey
factor-passkey-failed = The passkey was not used. Try again, or choose another way.
factor-no-passkeys = This browser has no passkeys.
factor-no-script = A passkey needs a script in your browser, which is switched off.
factor-recovery = Use a recovery code
factor-recovery-code = Recovery code
factor-recovery-use = Use this code
factor-somebody-else = Sign in as somebody else
factor-wrong = That was not right, or was used before. Try again, with a new code.
factor-too-often = The second step was not right too often. Sign in again.

setup-title = Set up a second step
setup-lead = One more step, and you are signed in as { $user }. Your organisation asks for it, so that a password alone opens nothing.
setup-app = With an authenticator app
setup-scan = Scan this code with the app, or type the letters below into it.
setup-code = Code that the app shows
setup-passkey = With a passkey
setup-passkey-how = Your device asks for your finger, your face or its PIN.
setup-passkey-make = Make a passkey
setup-passkey-failed = No passkey was made. Try again, or choose another way.
setup-own-lead = From then on, signing in takes it besides your password.
setup-password = Your password
setup-not-password = That is not your password.
setup-name = Its name, for you to know it by
setup-use-app = Use this app
setup-back = Back to your account
setup-wrong = That was not right. Try again, with a new code.

recovery-title = Your recovery codes
recovery-lead = With one of them you can sign in when your second step is lost. Each works once. They are shown this once: print them, or write them down.
recovery-kept = I have kept them

account-title = Your account
account-lead = Signed in as { $user } at { $tenant }.
account-sign-out = Sign out
account-end = End

done-session = That session has ended.
done-sessions = All other sessions have ended.
done-application = That application has no access any more.
done-device = That device has no access any more.
done-password = Your password is changed. All other sessions and applications were signed out.
done-factor = Your second step is set up. It is asked for from now on.
done-factor-removed = That second step is removed.
done-codes = The new recovery codes count; the old ones are void.
done-linked = That account is linked.
done-unlinked = That account is not linked any more.

sessions-title = Where you are signed in
sessions-program = Another program
sessions-this = This browser
sessions-since = since { $since }, last seen { $seen } UTC
sessions-end-label = End the session since { $since }
sessions-others = Sign out everywhere else

applications-title = Applications with access
applications-none = No application may act for you.
applications-since = since { $since } UTC
applications-used = since { $since }, last got access { $used } UTC
applications-end-label = End the access of { $client }
devices-title = Devices with access

linked-title = Linked accounts
linked-lead = With a linked account you can sign in here without your password.
linked-sign-in-anew = To change this, sign out and sign in again first.
linked-since = linked since { $since } UTC
linked-used = linked since { $since }, last used { $used } UTC
linked-not = not linked
linked-ended = Its access has ended there. Sign in with it again to renew it.
linked-again = Sign in again
linked-link = Link
linked-link-label = Link { $provider }
linked-unlink = Unlink
linked-unlink-label = Unlink { $provider }
linked-last-way = You have no password: without this account you could not sign in any more.

password-title = Password
password-lead = A new password signs you out everywhere else, and ends the access of all applications.
password-current = Current password
password-new = { $count ->
    [one] New password
   *[other] New password, { $count } characters or more
}
password-again = New password, again
password-submit = Change the password
password-not-current = That is not your current password.
password-differ = The two new passwords differ.
password-short = { $count ->
    [one] The new password is empty.
   *[other] The new password must have { $count } characters or more.
}
password-long = The new password is too long.
password-name = The new password must not contain the user name.
password-same = The new password is the current one.

factors-title = Second step
factors-none = Your password alone signs you in. With a second step, whoever learns it gets no further.
factors-some = Besides the password, signing in takes one of these.
factors-app = Authenticator app
factors-since = since { $since } UTC
factors-used = since { $since }, last used { $used } UTC
factors-remove = Remove
factors-remove-label = Remove { $name }
factors-codes = Recovery codes
factors-left = { $count ->
    [one] 1 is left
   *[other] { $count } are left
}
factors-renew = Renew
factors-renew-label = Renew the recovery codes
factors-stale = To change them, sign in again first.
factors-again = Sign in again
factors-set-up = Set up a second step
factors-add = Add another
factors-required = Your organisation asks for a second step. Set up another one first.

activity-title = Recent activity
activity-lead = If something here was not you, change your password. All times are UTC.
activity-times = { $count ->
    [one] once
   *[other] { $count } times
}
activity-login = You signed in
activity-wrong-here = A wrong password was given on this page
activity-wrong = Somebody tried to sign in with a wrong password
activity-wrong-digest = A telephone program tried to get in with a wrong password
activity-digest-replayed = A request of a telephone program came twice, perhaps from a thief: it was refused
activity-logout = You signed out
activity-session-ended = You ended another session
activity-password = You changed your password
activity-refused = You refused access
activity-allowed = You allowed access
activity-issued = An application got access
activity-refreshed = An application renewed its access
activity-given-up = An application gave up its access
activity-grant-ended = You ended an application’s access
activity-device-ended = You ended the access of a device
activity-reused = Something of an application’s was used twice, perhaps by a thief: its access was ended
activity-call-ended = An administrator ended a call
activity-made = An administrator made your account
activity-signed-out = An administrator signed you out
activity-access-ended = An administrator ended the access of applications
activity-changed = An administrator changed your account
activity-login-linked = You signed in with a linked account
activity-factor-failed = Somebody who knew your password got the second step wrong
activity-factor-added = You set up a second step
activity-factor-removed = You removed a second step
activity-recovery-codes = You made new recovery codes
activity-linked = An account at another provider was linked to yours
activity-unlinked = You unlinked an account at another provider
activity-login-again = The access to a linked account ended: sign in with it again
activity-factors-reset = An administrator removed your second steps
activity-unlinked-there = An administrator unlinked an account of yours
activity-other = Something else happened

device-title = Connect a device
device-lead = Type the code that your device shows.
device-code = Code
device-continue = Continue
device-wrong = That code is not right, or has expired. Compare it with your device.
device-note = Only go on with a code that a device before you shows. Nobody from support will ever send you one.

device-grant-title = Allow a device
device-grant-heading = Allow a device with { $client }?
device-grant-warning = Your device must show this very code. If somebody sent it to you, deny: they would act in your name.
device-grant-label = Device
device-grant-asked = Asked
device-grant-ago = { $duration } ago
device-grant-from = From
device-allowed = Your device has access
device-allowed-text = It goes on by itself in a few seconds. You may close this page.
device-denied = The device got no access
device-denied-text = Nothing was allowed. You may close this page.
