// The demo of Stile: a vault whose door is the scope `vault:open`. Read it in this order:
//   client.ts    the client, and the app's own backend
//   SignIn.tsx   a code by e-mail, or a passkey
//   Vault.tsx    refused, stepped up, open
//   StepUp.tsx   the proof that a guarded action asks for
//   Passkeys.tsx and Account.tsx   actions that need a step-up of their own
// The rest draws: Climb, Door, WhatHappened, ui, style.css.
//
// Names that the browser tests go by (roles with accessible names):
//   signed out   textbox "E-mail"; buttons "Send code", "Use a passkey"; then textbox "Code"; buttons "Sign in",
//                "Resend code", "Use another address"; region "Outbox" with button "Use code 123456"
//   second factor owed   button "Continue with passkey"
//   signed in    buttons "Enrol a passkey" ("Enrol another passkey"), "Open the vault", "Renew session", "Sign out"
//   refused      group "Answer of the vault" with "403", "elevated_token_required"; button "Step up with passkey", or
//                without a passkey "Send code", textbox "Code", button "Step up with code"
//   open         region "In the vault"; buttons "Use the same token again", "Close the vault"
//   passkeys     list "Your passkeys"; per passkey buttons "Rename <name>", "Remove <name>"; textbox "Name of the passkey"
//   account      button "Change e-mail", then textbox "New e-mail", buttons "Continue", "Confirm new e-mail";
//                button "Delete account"
//   dialogs      dialog named by its title; button "Cancel"; what goes on: "Step up with passkey" (or the code, as
//                above), or, where a held token answers already, "Remove passkey", "Delete for good"
//   always       status region with the latest result; complementary "What happened"
import { createRoot } from 'react-dom/client';
import { App } from './App';
import './style.css';

createRoot(document.getElementById('root') as HTMLElement).render(<App />);
