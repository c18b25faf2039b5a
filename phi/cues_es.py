"""The Spanish cues, without accents, as the shadow has them. Data, no rule."""

from __future__ import annotations

from phi.cues import words

MONTHS_ES = {
    "enero": 1, "febrero": 2, "marzo": 3, "abril": 4, "mayo": 5, "junio": 6, "julio": 7, "agosto": 8,
    "septiembre": 9, "setiembre": 9, "octubre": 10, "noviembre": 11, "diciembre": 12,
}  # fmt: skip
ORDINALS_ES = {"primero": 1, "primer": 1}
UNITS_ES = words("""
 mg miligramo miligramos microgramo microgramos gramo gramos kilo kilos kilogramo kilogramos libra libras onza onzas ml mililitro mililitros litro litros
 unidad unidades por grado grados pastilla pastillas tableta tabletas capsula capsulas dosis gota gotas inyeccion inyecciones cucharada cucharadas
 cucharadita cucharaditas vaso vasos segundo segundos minuto minutos hora horas dia dias noche noches semana semanas mes meses ano anos
 vez veces persona personas dolares dolar centavos pesos euros pasos metro metros centimetros pulgadas pies milimetros latidos puntos
""")
ID_CUES_ES = words("""
 numero numeros telefono celular movil fax extension cuenta tarjeta poliza seguro social miembro afiliado expediente historia historial clinica codigo postal
 licencia placa placas pasaporte dni curp nss rfc cedula matricula identificacion serie folio reclamo reclamacion receta autorizacion confirmacion
 referencia llamar llamarme llameme marcar marque digitos cifras ultimos ultimas grupo reserva apartado tramite
""")
STRONG_ID_CUES_ES = words(
    "telefono celular fax poliza placa pasaporte dni curp nss rfc cedula matricula identificacion folio digitos cifras expediente tarjeta cuenta licencia postal"
)
KIND_BY_CUE_ES = {
    "telefono": "PHONE", "celular": "PHONE", "movil": "PHONE", "fax": "PHONE", "extension": "PHONE", "llamar": "PHONE", "llamarme": "PHONE", "llameme": "PHONE",
    "seguro": "SSN", "social": "SSN", "nss": "SSN", "cuenta": "ACCOUNT", "tarjeta": "ACCOUNT", "poliza": "MEMBER", "miembro": "MEMBER", "afiliado": "MEMBER",
    "expediente": "MRN", "historia": "MRN", "historial": "MRN", "postal": "ZIP", "licencia": "LICENSE", "placa": "VEHICLE", "placas": "VEHICLE", "serie": "DEVICE",
}  # fmt: skip
TITLES_ES = words(
    "senor senora senorita sr sra srta don dona doctor doctora dr dra licenciado licenciada lic enfermera enfermero profesor profesora padre maestra maestro"
)
STRONG_TITLES_ES = words("sr sra srta don dona dra")
RELATIONS_ES = words("""
 esposo esposa marido mujer hijo hija madre mama padre papa hermano hermana abuelo abuela abuelita abuelito nieto nieta tio tia primo prima sobrino sobrina suegro suegra
 yerno nuera cunado cunada novio novia bebe nino nina amigo amiga vecino vecina paciente jefe padrino madrina hijito hijita companero companera
""")
GIVEN_HOMOGRAPHS_ES = words("""
 rosa luz paz sol mar esperanza consuelo dolores mercedes pilar soledad angel angeles cruz jesus reyes santos leon victoria gloria socorro amparo remedios milagros concepcion
 clara blanca linda bella alba aurora flor margarita violeta jazmin azucena rocio nieves luna estrella caridad fe felicidad perla iris viola domingo segundo primo franco
 justo modesto placido salvador rosario candelaria carmen guadalupe trinidad encarnacion asuncion natividad camila elena julia julio augusto marina celeste abril mayo
 maximo prudencia constancia armando fernando amado bueno fidel martin
""")
NAME_STOPS_ES = words("""
 y e o u pero el la los las un una unos unas es son era fue soy eres esta estoy estan estaba ser estar yo tu usted el ella nosotros ellos me mi mis se su sus te le les lo nos
 que quien como cuando donde cual porque por para con sin en a al desde hasta sobre entre muy mas menos ya no si tambien aqui alli ahora hoy manana ayer luego entonces
 llamo llama llamando llamada hablo habla hablando necesito necesita quiero quiere quisiera tengo tiene tenia tuvo puedo puede podria debo hay nacio naci nacido nacida vivo vive
 trabajo trabaja telefono numero correo fecha direccion apellido nombre cita receta doctor doctora senor senora gracias favor bueno pues este eh
 hijo hija esposo esposa madre padre mama papa hermano hermana abuela abuelo anos dolor medicina pastilla pastillas dijo dice va viene toma le fiebre
 lunes martes miercoles jueves viernes sabado enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
 uno dos tres cuatro cinco seis siete ocho nueve diez enferma enfermo bien mal mejor peor contesta llego esta perdon disculpe correcto escribe deletreo deletrea
""")
NAME_CUES_ES: tuple[tuple[str, ...], ...] = tuple(
    tuple(phrase.split())
    for phrase in """
 me llamo|mi nombre es|nombre es|se llama|nombre completo es|nombre completo|a nombre de|el nombre de|apellido es|apellido|mi apellido es|apellidos|apellidos son|primer apellido|segundo apellido|nombre del paciente|nombre de la paciente|nombre|llamado|llamada|soy|habla|le habla
 |habla con|hablo con|hablar con|con la senora|de parte de|conocido como|conocida como|apodo es|me dicen|le dicen|llamarse|apellidado
""".replace("\n", "").split("|")
    if phrase.strip()
)
STRONG_NAME_CUES_ES = words("llamo llama nombre apellido apellidos")
GREETINGS_ES = words("hola gracias buenas buenos adios tardes dias noches oiga perdon")
EMPLOYER_CUES_ES: tuple[tuple[str, ...], ...] = tuple(
    tuple(phrase.split())
    for phrase in """
 trabajo en|trabaja en|trabajaba en|trabajo para|trabaja para|empleado de|empleada de|mi empleador es|estudia en|estudio en|escuela se llama|ensena en|va a la escuela|empleo en|jubilado de|trabajando en|trabajando para|la empresa|mi escuela es
""".replace("\n", "").split("|")
    if phrase.strip()
)
ORG_HEADS_ES = words(
    "escuela colegio universidad instituto primaria secundaria preparatoria guarderia empresa compania taller fabrica restaurante panaderia constructora"
)
FACILITY_HEADS_ES = words("hospital clinica sanatorio farmacia consultorio policlinica")
STREET_HEADS_ES = words(
    "calle avenida avda av col calzada carretera paseo bulevar boulevard camino callejon privada pasaje plaza colonia barrio fraccionamiento urbanizacion residencial"
)
UNIT_WORDS_ES = words(
    "apartamento departamento depto apto piso interior puerta casa edificio numero bloque apartado codigo"
)
CITY_CUES_ES: tuple[tuple[str, ...], ...] = tuple(
    tuple(phrase.split())
    for phrase in """
 vivo en|vive en|vivimos en|vivia en|viven en|soy de|somos de|es de|nacio en|naci en|mude a|mudamos a|mudo a|mudarme a|llamo de|llamando de|llamo desde|llamando desde|vengo de|vengo desde|viene desde|viene de|ciudad de|pueblo de|condado de|municipio de|residente de|ciudad es|radico en|resido en|reside en|ciudad
""".replace("\n", "").split("|")
    if phrase.strip()
)
HOLIDAYS_ES = words("navidad nochebuena nochevieja pascua")
FILLERS_ES = words(
    "eh este pues bueno a ver perdon digo no espere mande o sea y luego despues guion punto diagonal espacio coma es son mayuscula minuscula"
)
