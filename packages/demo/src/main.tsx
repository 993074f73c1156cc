// The demo of Stile, in three environments: step-up, actions, account (environments.ts). Read it in this order:
//   client.ts      the client, and the app's own backend
//   SignIn.tsx     a code by e-mail, or a passkey
//   EmailCode.tsx, waiting.ts   the field for a code, and how a reload comes back to it
//   Pending.tsx    a session that owes a second factor: prove it, or enrol one
//   Vault.tsx      refused, stepped up, open
//   Guarded.tsx, StepUp.tsx, Proof.tsx   the proof that a guarded action asks for
//   Passkeys.tsx, Authenticators.tsx, EnrolApp.tsx, RecoveryCodes.tsx   second factors, and what stands in for them
//   Actions.tsx    actions that ask for MFA, with legacy MFA tokens
//   Sessions.tsx, Account.tsx   where else one is signed in; actions that need a step-up of their own
// The rest draws: App, SignedIn, Header, Climb, Door, Qr, WhatHappened, ui, style.css.
//
// Names that the browser tests go by (roles with accessible names):
//   signed out   textbox "E-mail"; buttons "Send code", "Use a passkey"; then textbox "Code"; buttons "Sign in",
//                "Resend code", "Use another address"; region "Outbox" with button "Use code 123456"
//   second factor owed   region "Second factor": buttons "Enrol a passkey", "Set up an authenticator app"; or a proof
//                with the verb "Continue"; button "Cancel sign-in"
//   a proof      with the verb "Step up" ("Continue", "Get token"): button "Step up with passkey"; or textbox "Code",
//                button "Step up with code"; or textbox "Recovery code", button "Step up with recovery code"; list
//                "Other ways" with buttons "Use passkey instead", "Use authenticator app instead", "Use recovery code
//                instead"; without a second factor button "Send code" first
//   codes to keep   list "Your recovery codes"; buttons "Copy the codes", "Print", "I have kept these codes"; link
//                "Download"; "Later"
//   signed in    buttons "Enrol a passkey" ("Enrol another passkey"), "Open the vault", "Renew session", "Sign out"
//   refused      group "Answer of the vault" with "403", "elevated_token_required"; then a proof
//   open         region "In the vault"; buttons "Use the same token again", "Close the vault"
//   passkeys     list "Your passkeys"; per passkey buttons "Rename <name>", "Remove <name>"; textbox "Name of the passkey"
//   apps         button "Set up an authenticator app"; then image "QR code …", the key, textbox "Code", buttons
//                "Verify code", "Not now"; list "Your authenticator apps"; per app buttons "Make default: <name>",
//                "Rename <name>", "Remove <name>"; textbox "Name of the app"
//   codes        region "Recovery codes"; buttons "Show codes", "Make new codes"
//   actions      region "Protected actions" with a row per action; textbox "Nickname", button "Save nickname"; "MFA
//                token: none" (held, spent), button "Get an MFA token"
//   sessions     list "Your sessions"; per other session button "End <name>"; buttons "End all others", and after a
//                change of a factor "End all others now", "Leave them"
//   account      button "Change e-mail", then textbox "New e-mail", buttons "Continue", "Confirm new e-mail";
//                button "Delete account"
//   dialogs      dialog named by its title; button "Cancel"; a proof, or, where a held token answers already, what goes
//                on: "Remove passkey", "Remove app", "Make new codes", "Delete account"; the first two also after a proof,
//                where the removal may end or lower the session
//   always       navigation "Environment"; status region with the latest result, for screen readers; complementary
//                "What happened"
import { createRoot } from 'react-dom/client';
import { App } from './App';
import './style.css';

createRoot(document.getElementById('root') as HTMLElement).render(<App />);
